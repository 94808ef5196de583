/** An issuer of tests: a key pair of any algorithm, its JWKS, and a way to sign any claims with any header. */
import { exportJWK, generateKeyPair, type JSONWebKeySet, type JWTHeaderParameters, SignJWT } from "jose"

export interface Issuer {
  readonly kid: string
  readonly publicKey: CryptoKey
  readonly jwks: JSONWebKeySet
  readonly sign: (claims: Record<string, unknown>, header?: Partial<JWTHeaderParameters>) => Promise<string>
}

export const makeIssuer = async (alg: string, kid = `${alg}-${crypto.randomUUID()}`): Promise<Issuer> => {
  const { privateKey, publicKey } = await generateKeyPair(alg)
  return {
    kid,
    publicKey,
    jwks: { keys: [{ ...(await exportJWK(publicKey)), kid, alg, use: "sig" }] },
    sign: (claims, header) => new SignJWT(claims).setProtectedHeader({ alg, kid, ...header }).sign(privateKey)
  }
}
