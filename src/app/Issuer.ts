/** Who is believed: the configured issuer of tokens, or, in dev and test, one of our own. */
import { Layer } from "effect"
import type { TokenRevocations } from "../domain/ports/TokenRevocations.ts"
import { TokenVerifier } from "../domain/ports/TokenVerifier.ts"
import type { AppConfig } from "../layers/config/AppConfig.ts"
import * as DevIssuer from "../layers/jwt/DevIssuer.ts"
import type { JwksFileUnusable } from "../layers/jwt/JwtKeys.ts"
import * as JwtVerifier from "../layers/jwt/JwtVerifier.ts"
import * as Replacements from "../Replacements.ts"
import { configured } from "./Configured.ts"

/** The issuer of dev and test. */
export const ownIssuer = configured(({ dataDir, jwtAudience: audience, jwtIssuer: issuer }) =>
  DevIssuer.layer({ dataDir, issuer, audience })
)

/**
 * Where no issuer is configured (dev and test only, or the configuration is refused) there is one of our own: then
 * the context also holds a DevIssuer, which `listen` looks for.
 */
const issuer = configured(
  (
    config
  ): Layer.Layer<
    TokenVerifier,
    JwksFileUnusable | DevIssuer.DevIssuerKeyUnusable,
    TokenRevocations | AppConfig
  > => {
    const { jwksFile, jwksUrl } = config
    const options = {
      issuer: config.jwtIssuer,
      audience: config.jwtAudience,
      maxAge: config.jwtMaxAge,
      clockSkew: config.jwtClockSkew,
      requireNotBefore: config.jwtRequireNbf,
      cacheCapacity: config.tokenCache,
      cacheTtl: config.tokenCacheTtl
    }
    if (jwksUrl !== undefined) return JwtVerifier.layerUrl(jwksUrl, options)
    if (jwksFile !== undefined) return JwtVerifier.layerFile(jwksFile, options)
    return JwtVerifier.layerDev(options).pipe(Layer.provideMerge(ownIssuer))
  }
)

/** Whoever embeds the service may have a way of their own to know people. */
export const identity = Replacements.orElse(TokenVerifier, issuer)
