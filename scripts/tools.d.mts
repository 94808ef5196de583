export interface Tools {
  /** The redis-server program. */
  readonly redisServer: string | undefined
  /** The directory that holds initdb and postgres. */
  readonly postgresBin: string | undefined
  /** A Chromium or Chrome program. */
  readonly chromium: string | undefined
}

export const findTools: (env?: Readonly<Record<string, string | undefined>>) => Tools
