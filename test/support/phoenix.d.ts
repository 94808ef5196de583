/**
 * Types of the official `phoenix` client, which ships none: the part of its public interface that tests use, the same
 * for the three versions that they run.
 */
declare module "phoenix" {
  export type Params = object | (() => object)

  export interface SocketOptions {
    readonly params?: Params
    /** 1.8 and later. */
    readonly authToken?: string | (() => string)
    readonly transport?: unknown
    readonly timeout?: number
    readonly heartbeatIntervalMs?: number
    readonly longpollerTimeout?: number
    readonly longPollFallbackMs?: number
    readonly reconnectAfterMs?: (tries: number) => number
    readonly rejoinAfterMs?: (tries: number) => number
    readonly vsn?: string
    readonly binaryType?: string
    readonly sessionStorage?: unknown
    readonly logger?: (kind: string, message: string, data: unknown) => void
  }

  export interface CloseEvent {
    readonly code: number
    readonly reason: string
  }

  export class Socket {
    constructor(endPoint: string, options?: SocketOptions)
    connect(): void
    disconnect(callback?: () => void, code?: number, reason?: string): void
    channel(topic: string, params?: Params): Channel
    isConnected(): boolean
    endPointURL(): string
    makeRef(): string
    push(frame: object): void
    onOpen(callback: () => void): string
    onClose(callback: (event: CloseEvent) => void): string
    onError(callback: (error: unknown) => void): string
    onMessage(callback: (message: Frame) => void): string
    ping(callback: (roundTripMs: number) => void): boolean
  }

  export interface Frame {
    readonly join_ref: string | null
    readonly ref: string | null
    readonly topic: string
    readonly event: string
    readonly payload: unknown
  }

  export class Channel {
    readonly topic: string
    readonly state: "closed" | "errored" | "joined" | "joining" | "leaving"
    join(timeout?: number): Push
    leave(timeout?: number): Push
    push(event: string, payload: object, timeout?: number): Push
    on(event: string, callback: (payload: unknown, ref?: string, joinRef?: string) => void): number
    off(event: string, ref?: number): void
    onClose(callback: (payload: unknown) => void): void
    onError(callback: (reason: unknown) => void): number
    onMessage(event: string, payload: unknown, ref?: string, joinRef?: string): unknown
    joinRef(): string
  }

  export class Push {
    receive(status: string, callback: (response: unknown) => void): this
  }

  export class Presence {
    constructor(channel: Channel)
    onSync(callback: () => void): void
    onJoin(callback: (key?: string, current?: unknown, added?: unknown) => void): void
    onLeave(callback: (key?: string, current?: unknown, left?: unknown) => void): void
    list<A = unknown>(
      choose?: (key: string, presence: { readonly metas: ReadonlyArray<object> }) => A
    ): Array<A>
  }

  export const LongPoll: unknown
}

declare module "phoenix-1.7" {
  export * from "phoenix"
}

declare module "phoenix-1.8.12" {
  export * from "phoenix"
}
