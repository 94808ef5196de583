/**
 * The far end of an outbox over one upgraded connection. Finished frames go straight to the TCP socket, all of a
 * turn in one write; `ws` keeps what it is good at (parsing, masking, pings, the closing handshake) on the same
 * socket, which is safe because both write whole frames.
 *
 * Gotcha: a connection that negotiated compression cannot share frames with others, since each has a compressor of
 * its own. Its frames go through `ws`, as text.
 */
import type { Duplex } from "node:stream"
import { WebSocket } from "ws"
import type { Transport } from "../../actors/session/Outbox.ts"

const { OPEN } = WebSocket

/** Frames of one turn are joined into one buffer up to this many bytes; a copy is then cheaper than a vector. */
const JOIN_BELOW = 16 * 1024

export const webSocketTransport = (ws: WebSocket, socket: Duplex): Transport =>
  ws.extensions === "" ? sharing(ws, socket) : compressing(ws)

const sharing = (ws: WebSocket, socket: Duplex): Transport => ({
  buffered: () => socket.writableLength,
  write: (frames) => {
    // Nobody keeps up better than a peer that is gone.
    if (ws.readyState !== OPEN) return true
    if (frames.length === 1) return socket.write(frames[0]!.bytes)
    const buffers = frames.map((frame) => frame.bytes)
    const total = buffers.reduce((sum, buffer) => sum + buffer.length, 0)
    if (total <= JOIN_BELOW) return socket.write(Buffer.concat(buffers, total))
    socket.cork()
    for (const buffer of buffers) socket.write(buffer)
    socket.uncork()
    return !socket.writableNeedDrain
  },
  close: (code, reason) => ws.close(code, reason),
  onDrained: (listener) => void socket.on("drain", listener)
})

const compressing = (ws: WebSocket): Transport => {
  let onDrained = () => {}
  // Called when the peer's socket has taken the frame, or failed to.
  const taken = () => {
    if (ws.bufferedAmount === 0) onDrained()
  }
  return {
    buffered: () => ws.bufferedAmount,
    write: (frames) => {
      if (ws.readyState !== OPEN) return true
      for (const frame of frames) ws.send(frame.text, taken)
      return ws.bufferedAmount === 0
    },
    close: (code, reason) => ws.close(code, reason),
    onDrained: (listener) => {
      onDrained = listener
    }
  }
}
