/**
 * The far end of an outbox over one upgraded connection. Finished frames go straight to the TCP socket, all of a
 * turn in one write; `ws` keeps what it is good at (parsing, masking, pings, the closing handshake) on the same
 * socket, which is safe because both write whole frames.
 *
 * Gotcha: a connection that negotiated compression cannot share frames with others, since each has a compressor of
 * its own. Its frames go through `ws`, as text.
 */
import type { Duplex } from "node:stream"
import type { WebSocket } from "ws"
import type { Transport } from "../../actors/Outbox.ts"

/** Frames of one turn are joined into one buffer up to this many bytes; a copy is then cheaper than a vector. */
const JOIN_BELOW = 16 * 1024

export const webSocketTransport = (ws: WebSocket, socket: Duplex): Transport =>
  ws.extensions === "" ? sharing(ws, socket) : compressing(ws)

const sharing = (ws: WebSocket, socket: Duplex): Transport => ({
  buffered: () => socket.writableLength,
  write: (frames) => {
    if (ws.readyState !== ws.OPEN || !socket.writable) return
    if (frames.length === 1) {
      socket.write(frames[0]!.bytes)
      return
    }
    const buffers = frames.map((frame) => frame.bytes)
    const total = buffers.reduce((sum, buffer) => sum + buffer.length, 0)
    if (total <= JOIN_BELOW) {
      socket.write(Buffer.concat(buffers, total))
      return
    }
    socket.cork()
    for (const buffer of buffers) socket.write(buffer)
    socket.uncork()
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
      if (ws.readyState !== ws.OPEN) return
      for (const frame of frames) ws.send(frame.text, taken)
    },
    close: (code, reason) => ws.close(code, reason),
    onDrained: (listener) => {
      onDrained = listener
    }
  }
}
