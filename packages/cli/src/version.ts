import { COMPATIBLE_VERSION, PRODUCT_VERSION } from "@quorate/server/version";

/** Four lines in etcd's form, which scripts parse, and then our own. */
export function printVersion(): void {
  process.stdout.write(
    `etcd Version: ${COMPATIBLE_VERSION}\n` +
      `Git SHA: quorate-${PRODUCT_VERSION}\n` +
      `Go Version: none (Node.js ${process.version})\n` +
      `Go OS/Arch: ${process.platform}/${process.arch === "x64" ? "amd64" : process.arch}\n` +
      `Quorate Version: ${PRODUCT_VERSION}\n`,
  );
}
