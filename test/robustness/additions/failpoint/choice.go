package failpoint

import (
	"math/rand"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Which failpoints are drawn from, and the seed of the draws, which are otherwise different in every process.
func init() {
	if only := os.Getenv("ROBUSTNESS_FAILPOINT"); only != "" {
		allFailpoints = slices.DeleteFunc(allFailpoints, func(f Failpoint) bool { return f.Name() != only })
	}
	leftOut := strings.Split(os.Getenv("ROBUSTNESS_LEFT_OUT"), ",")
	allFailpoints = slices.DeleteFunc(allFailpoints, func(f Failpoint) bool { return slices.Contains(leftOut, f.Name()) })
	if seed, err := strconv.ParseInt(os.Getenv("ROBUSTNESS_SEED"), 10, 64); err == nil {
		rand.Seed(seed) // In effect with GODEBUG=randseednop=0 only.
	}
}
