/**
 * Messages to another thread that are due within one turn of the event loop, sent as one: waking a thread costs more
 * than most of what it is asked.
 */
export class Outbox<Message> {
  private waiting: Message[] = [];

  constructor(private readonly send: (messages: readonly Message[]) => void) {}

  push(message: Message): void {
    this.waiting.push(message);
    if (this.waiting.length === 1) setImmediate(() => this.flush());
  }

  private flush(): void {
    const messages = this.waiting;
    this.waiting = [];
    this.send(messages);
  }
}
