/** The parameters of a connect request: its query string, read as Phoenix's servers read it. */

export const parse = (url: string | undefined): URLSearchParams => {
  const start = url?.indexOf("?") ?? -1
  return new URLSearchParams(start < 0 ? "" : url?.slice(start + 1))
}

/** When a key repeats, the last value wins (`URLSearchParams.get` answers the first). */
export const last = (params: URLSearchParams, key: string): string | undefined => params.getAll(key).at(-1)
