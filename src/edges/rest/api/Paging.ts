/** How a query names several values. */
import { Schema, SchemaTransformation } from "effect"

/** One parameter with several values, in an order of no meaning. */
export const commaSeparated = <S extends Schema.Codec<unknown, string>>(item: S, maximum: number) =>
  Schema.String.pipe(
    Schema.decodeTo(
      Schema.Array(item).pipe(Schema.check(Schema.isMinLength(1), Schema.isMaxLength(maximum))),
      SchemaTransformation.transform({
        decode: (text: string): ReadonlyArray<string> => text.split(","),
        encode: (values: ReadonlyArray<string>) => values.join(",")
      })
    )
  )
