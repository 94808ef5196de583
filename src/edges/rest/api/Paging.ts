/** How every list of this API is asked for and answered: cursors in, `next_cursor` out. */
import { Schema, SchemaTransformation } from "effect"
import { PageSize } from "../../../domain/Commands.ts"

/** Opaque to clients. The bound keeps what reaches the database short. */
export const Cursor = Schema.String.pipe(Schema.check(Schema.isMinLength(1), Schema.isMaxLength(512)))

export const pageQuery = {
  cursor: Schema.optionalKey(Cursor),
  limit: Schema.optionalKey(PageSize)
}

/** A page; `next_cursor` is null on the last one. */
export const page = <S extends Schema.Top>(item: S) =>
  Schema.Struct({ items: Schema.Array(item), next_cursor: Schema.NullOr(Schema.String) })

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
