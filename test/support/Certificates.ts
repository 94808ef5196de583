/** An authority of certificates for one test, made by openssl: files of a server's and of peers' certificates. */
import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import * as TempDir from "./TempDir.ts"
import { requireTool } from "./Tools.ts"

export interface Certificate {
  /** Paths of PEM files. */
  readonly cert: string
  readonly key: string
}

export interface Authority {
  /** Path of a PEM file. */
  readonly ca: string
  /** A certificate of this name, good for a server at localhost. */
  readonly issue: (name: string) => Certificate
}

export const makeAuthority = Effect.fnUntraced(function* (name: string) {
  const directory = yield* TempDir.make("certificates")
  const openssl = (...args: ReadonlyArray<string>) =>
    execFileSync(requireTool("openssl"), args, { cwd: directory, stdio: "pipe" })
  const file = (file: string) => join(directory, file)
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
  openssl("req", "-x509", ...newKey, "-keyout", "ca.key", "-out", "ca.pem", "-subj", `/CN=${name}`)
  writeFileSync(file("san.cnf"), "subjectAltName=DNS:localhost\n")
  return {
    ca: file("ca.pem"),
    issue: (name) => {
      openssl("req", ...newKey, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`)
      const signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "san.cnf"]
      openssl("x509", "-req", "-in", `${name}.csr`, "-out", `${name}.pem`, "-days", "1", ...signed)
      return { cert: file(`${name}.pem`), key: file(`${name}.key`) }
    }
  } satisfies Authority
})
