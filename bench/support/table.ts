/** Aligned plain-text tables: the first column to the left, the others to the right. */

export interface Table {
  readonly title: string
  readonly columns: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
  readonly notes: ReadonlyArray<string>
}

export const render = ({ title, columns, rows, notes }: Table): string => {
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...rows.map((row) => row[index]!.length))
  )
  const line = (cells: ReadonlyArray<string>): string =>
    cells
      .map((cell, index) => (index === 0 ? cell.padEnd(widths[index]!) : cell.padStart(widths[index]!)))
      .join("  ")
      .trimEnd()
  return [
    title,
    "",
    line(columns),
    line(widths.map((width) => "-".repeat(width))),
    ...rows.map(line),
    ...(notes.length > 0 ? ["", ...notes] : []),
    ""
  ].join("\n")
}

/** A number with so many decimals; an absent or meaningless one is a dash. */
export const number = (value: number | undefined, decimals = 0): string =>
  value === undefined || !Number.isFinite(value) ? "-" : value.toFixed(decimals)

export const percent = (share: number): string => `${number(share * 100)} %`

/** The target and whether `value` keeps it. */
export const atMost = (value: number | undefined, limit: number, unit = ""): string =>
  value === undefined ? "" : `<= ${limit}${unit} ${value <= limit ? "met" : "MISSED"}`

export const below = (value: number | undefined, limit: number, unit = ""): string =>
  value === undefined ? "" : `< ${limit}${unit} ${value < limit ? "met" : "MISSED"}`
