// Several register moves that happen at once, as the arguments of a call do, put into an order in
// which none destroys what another still needs.

/** One move between physical registers. */
export interface Move {
  readonly target: number;
  readonly from: number;
}

/**
 * Orders `moves` (targets are distinct); cycles go through `scratch`, which must be no move's target.
 * Where cycles remain, `scratch` is no longer anyone's source: its own moves are never part of one.
 */
export function parallelMoves(moves: readonly Move[], scratch: number): Move[] {
  const pending = moves.filter(({ target, from }) => target !== from).map((move) => ({ ...move }));
  const ordered: Move[] = [];
  while (pending.length > 0) {
    const ready = pending.findIndex(({ target }) => !pending.some(({ from }) => from === target));
    if (ready >= 0) {
      ordered.push(...pending.splice(ready, 1));
      continue;
    }
    const broken = (pending[0] as Move).from;
    ordered.push({ target: scratch, from: broken });
    for (const move of pending) if (move.from === broken) move.from = scratch;
  }
  return ordered;
}
