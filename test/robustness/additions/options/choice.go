package options

import (
	"os"
	"strconv"
)

// The seed of the settings that clusters are made with, which are otherwise different in every process.
func init() {
	if seed, err := strconv.ParseInt(os.Getenv("ROBUSTNESS_SEED"), 10, 64); err == nil {
		internalRand.Seed(seed)
	}
}
