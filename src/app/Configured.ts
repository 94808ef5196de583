/** Layers that are built from the configuration. */
import { Effect, Layer } from "effect"
import { AppConfig } from "../layers/config/AppConfig.ts"

/** Builds a layer from the configuration. */
export const configured = <A, E, R>(build: (config: AppConfig["Service"]) => Layer.Layer<A, E, R>) =>
  Layer.unwrap(Effect.map(AppConfig, build))
