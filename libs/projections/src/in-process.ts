/** A file of all views, owned by the thread that asks: for simulations, which decide themselves what happens when. */
import type { OpenRequest, Request, RequestName, Requests } from './protocol.js';
import { Owner } from './serve.js';
import type { ViewsOwner } from './thread.js';
import { VIEWS } from './views.js';

export class ViewsInProcess implements ViewsOwner {
  private readonly owner = new Owner(VIEWS);

  /** @param turn fulfilled when what is asked may be done; at once by default */
  constructor(private readonly turn: (name: RequestName) => Promise<void> = async () => {}) {}

  open(request: OpenRequest): Promise<Requests['open']['answer']> {
    return this.request('open', request);
  }

  async request<N extends RequestName>(name: N, args: Requests[N]['args']): Promise<Requests[N]['answer']> {
    await this.turn(name);
    return this.owner.answer({ id: 0, name, args } as Request) as Requests[N]['answer'];
  }

  async close(): Promise<void> {
    await this.request('close', undefined);
  }

  kill(): Promise<void> {
    return this.close();
  }
}
