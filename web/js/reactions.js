/** The reactions of a message, as `[{reaction, user_ids}]`. Pure. */

/** With one more, or one less; the order is that of the first of each. */
export const withReaction = (reactions, { reaction, user_id }, isAdded) => {
  const known = reactions.some((one) => one.reaction === reaction)
  const all = known || !isAdded ? reactions : [...reactions, { reaction, user_ids: [] }]
  return all
    .map((one) => {
      if (one.reaction !== reaction) return one
      const others = one.user_ids.filter((id) => id !== user_id)
      return { reaction, user_ids: isAdded ? [...others, user_id] : others }
    })
    .filter((one) => one.user_ids.length > 0)
}
