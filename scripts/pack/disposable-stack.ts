// A stand-in for DisposableStack (ECMAScript explicit resource management), which Node has from 24 on: packed beside
// the sources, and put in place only where there is none. What ours use: use, defer, adopt, move, dispose, disposed.

type Cleanup = () => void;

class StandInDisposableStack {
  #cleanups: Cleanup[] = [];
  #isDisposed = false;

  get disposed(): boolean {
    return this.#isDisposed;
  }

  use<T extends Disposable | null | undefined>(resource: T): T {
    this.#refuseIfDisposed();
    if (resource === null || resource === undefined) return resource;
    const dispose = resource[Symbol.dispose];
    if (typeof dispose !== "function") throw new TypeError("Object not disposable.");
    this.#cleanups.push(() => dispose.call(resource));
    return resource;
  }

  adopt<T>(value: T, onDispose: (value: T) => void): T {
    this.defer(() => onDispose(value));
    return value;
  }

  defer(onDispose: Cleanup): void {
    this.#refuseIfDisposed();
    this.#cleanups.push(onDispose);
  }

  /** What this stack owns, in a new one; this one is disposed, and nothing of it is. */
  move(): StandInDisposableStack {
    this.#refuseIfDisposed();
    const moved = new StandInDisposableStack();
    moved.#cleanups = this.#cleanups;
    this.#cleanups = [];
    this.#isDisposed = true;
    return moved;
  }

  /** The last one first, each also when others fail; the first failure is thrown, or, of several, all in one. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    const failures: unknown[] = [];
    for (const cleanup of this.#cleanups.splice(0).reverse()) {
      try {
        cleanup();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, "several failed while they were disposed of");
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #refuseIfDisposed(): void {
    if (this.#isDisposed) throw new ReferenceError("DisposableStack is already disposed.");
  }
}

if (!("DisposableStack" in globalThis)) {
  Object.defineProperty(globalThis, "DisposableStack", {
    value: StandInDisposableStack,
    configurable: true,
    writable: true,
  });
}
