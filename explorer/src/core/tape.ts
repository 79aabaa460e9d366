/** Reverse-mode differentiation of scalars: every number that an operator computes is a node, and gradients follow. */

/** A number on a tape, by its place. */
export type Node = number;

const NONE = -1;

export class Tape {
  private length = 0;
  private values = new Float64Array(4096);
  private firsts = new Int32Array(4096);
  private seconds = new Int32Array(4096);
  private firstSlopes = new Float64Array(4096);
  private secondSlopes = new Float64Array(4096);

  /** The value of a node. */
  read(node: Node): number {
    return this.values[node];
  }

  /** A number without a history: an input, a weight, or a term that gradients don't pass. */
  constant(value: number): Node {
    return this.put(value, NONE, 0, NONE, 0);
  }

  /** The same value, held constant. */
  stop(a: Node): Node {
    return this.constant(this.values[a]);
  }

  add(a: Node, b: Node): Node {
    return this.put(this.values[a] + this.values[b], a, 1, b, 1);
  }

  subtract(a: Node, b: Node): Node {
    return this.put(this.values[a] - this.values[b], a, 1, b, -1);
  }

  multiply(a: Node, b: Node): Node {
    return this.put(this.values[a] * this.values[b], a, this.values[b], b, this.values[a]);
  }

  divide(a: Node, b: Node): Node {
    const [x, y] = [this.values[a], this.values[b]];
    return this.put(x / y, a, 1 / y, b, -x / (y * y));
  }

  /** factor * a + offset, of plain numbers. */
  scale(a: Node, factor: number, offset = 0): Node {
    return this.put(factor * this.values[a] + offset, a, factor, NONE, 0);
  }

  negate(a: Node): Node {
    return this.scale(a, -1);
  }

  /** a + factor * b, of a plain factor. */
  addScaled(a: Node, b: Node, factor: number): Node {
    return this.put(this.values[a] + factor * this.values[b], a, 1, b, factor);
  }

  /** A function of one number, of which value and slope are known. */
  apply(a: Node, value: number, slope: number): Node {
    return this.put(value, a, slope, NONE, 0);
  }

  exp(a: Node): Node {
    const value = Math.exp(this.values[a]);
    return this.apply(a, value, value);
  }

  log(a: Node): Node {
    return this.apply(a, Math.log(this.values[a]), 1 / this.values[a]);
  }

  tanh(a: Node): Node {
    const value = Math.tanh(this.values[a]);
    return this.apply(a, value, 1 - value * value);
  }

  sigmoid(a: Node): Node {
    const value = 1 / (1 + Math.exp(-this.values[a]));
    return this.apply(a, value, value * (1 - value));
  }

  /** |a|, with slope 1 at 0, as JAX has it. */
  abs(a: Node): Node {
    return this.apply(a, Math.abs(this.values[a]), this.values[a] < 0 ? -1 : 1);
  }

  /** max(a, 0), with slope 0 at 0. */
  relu(a: Node): Node {
    const positive = this.values[a] > 0;
    return this.apply(a, positive ? this.values[a] : 0, positive ? 1 : 0);
  }

  square(a: Node): Node {
    return this.apply(a, this.values[a] ** 2, 2 * this.values[a]);
  }

  /** a^p for a >= 0 and p > 0; the slope at 0 is 1 for p = 1, else 0. */
  power(a: Node, p: number): Node {
    const x = this.values[a];
    if (x === 0) return this.apply(a, 0, p === 1 ? 1 : 0);
    return this.apply(a, x ** p, p * x ** (p - 1));
  }

  /** The larger of two; equals share the gradient. */
  maximum(a: Node, b: Node): Node {
    return this.choose(a, b, Math.max(this.values[a], this.values[b]));
  }

  /** The smaller of two; equals share the gradient. */
  minimum(a: Node, b: Node): Node {
    return this.choose(a, b, Math.min(this.values[a], this.values[b]));
  }

  sum(nodes: readonly Node[]): Node {
    return nodes.length ? nodes.reduce((total, node) => this.add(total, node)) : this.constant(0);
  }

  mean(nodes: readonly Node[]): Node {
    return this.scale(this.sum(nodes), 1 / nodes.length);
  }

  /** sum w_i x_i of plain weights. */
  weigh(weights: ArrayLike<number>, nodes: ArrayLike<Node>): Node {
    let total = NONE;
    for (let i = 0; i < nodes.length; i++) {
      if (weights[i] === 0) continue;
      total = total === NONE ? this.scale(nodes[i], weights[i]) : this.addScaled(total, nodes[i], weights[i]);
    }
    return total === NONE ? this.constant(0) : total;
  }

  /** The derivative of sum cotangents_i * outputs_i with respect to every node. */
  differentiate(outputs: ArrayLike<Node>, cotangents: ArrayLike<number>): Float64Array {
    const gradient = new Float64Array(this.length);
    for (let i = 0; i < outputs.length; i++) gradient[outputs[i]] += cotangents[i];
    for (let node = this.length - 1; node >= 0; node--) {
      const arriving = gradient[node];
      if (arriving === 0) continue;
      if (this.firsts[node] !== NONE) gradient[this.firsts[node]] += arriving * this.firstSlopes[node];
      if (this.seconds[node] !== NONE) gradient[this.seconds[node]] += arriving * this.secondSlopes[node];
    }
    return gradient;
  }

  private choose(a: Node, b: Node, value: number): Node {
    const [ofA, ofB] = [this.values[a] === value, this.values[b] === value];
    const share = ofA && ofB ? 0.5 : 1;
    return this.put(value, a, ofA ? share : 0, b, ofB ? share : 0);
  }

  private put(value: number, first: Node, firstSlope: number, second: Node, secondSlope: number): Node {
    if (this.length === this.values.length) this.grow();
    const node = this.length++;
    this.values[node] = value;
    this.firsts[node] = first;
    this.firstSlopes[node] = firstSlope;
    this.seconds[node] = second;
    this.secondSlopes[node] = secondSlope;
    return node;
  }

  private grow(): void {
    const wider = <T extends Float64Array | Int32Array>(old: T, made: T): T => (made.set(old), made);
    const room = 2 * this.values.length;
    this.values = wider(this.values, new Float64Array(room));
    this.firsts = wider(this.firsts, new Int32Array(room));
    this.seconds = wider(this.seconds, new Int32Array(room));
    this.firstSlopes = wider(this.firstSlopes, new Float64Array(room));
    this.secondSlopes = wider(this.secondSlopes, new Float64Array(room));
  }
}
