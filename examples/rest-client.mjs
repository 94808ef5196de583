/**
 * Two people over REST alone: `node examples/rest-client.mjs [http://localhost:4000]`. Plain JavaScript, no library.
 *
 * What a client must get right is in `send`: a message that was not answered is sent again with the same
 * `client_random`, and stays one message.
 */
const url = process.argv[2] ?? "http://localhost:4000"

const call = async (path, { body, method = "GET", token } = {}) => {
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body && { "content-type": "application/json" })
    },
    ...(body && { body: JSON.stringify(body) })
  })
  const answer = await response.json()
  if (!response.ok)
    throw Object.assign(new Error(`${answer.status} ${answer.reason}`), { retry: response.status === 503 })
  return answer
}

const send = async (token, conversation, content) => {
  const client_random = Math.floor(Math.random() * Number.MAX_SAFE_INTEGER)
  for (let attempt = 1; ; attempt++) {
    try {
      const path = `/api/v1/conversations/${conversation}/messages`
      return await call(path, { method: "POST", token, body: { content, client_random } })
    } catch (error) {
      // A TypeError is fetch's way of saying that the network failed: whether the message was stored, nobody knows.
      if (attempt === 5 || !(error.retry || error instanceof TypeError)) throw error
      await new Promise((resolve) => setTimeout(resolve, 2 ** attempt * 100 * Math.random()))
    }
  }
}

const [alice, bob] = await Promise.all([1, 2].map(() => call("/dev/token", { method: "POST", body: {} })))
const { id } = await call("/api/v1/conversations", {
  method: "POST",
  token: alice.token,
  body: { type: "direct", member_ids: [bob.user_id] }
})
for (const content of ["Hello, Bob", "Are you there?"]) {
  const { seq } = await send(alice.token, id, content)
  console.log(`alice sent message ${seq}`)
}

let after = 0
for (let more = true; more; ) {
  const page = await call(`/api/v1/conversations/${id}/messages?after_seq=${after}&limit=1`, {
    token: bob.token
  })
  for (const { content, seq } of page.items) {
    after = seq
    console.log(`bob reads ${seq}: ${content}`)
  }
  more = page.next_cursor !== null && page.items.length > 0
}
await call(`/api/v1/conversations/${id}/mark-as-read`, {
  method: "POST",
  token: bob.token,
  body: { seq: after }
})
console.log(`bob has read up to ${after}`)
