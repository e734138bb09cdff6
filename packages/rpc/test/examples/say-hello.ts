import { GrpcClient } from "@quorate/rpc/client";

/** Says something to the greeter at `address` (host:port), as a call and then on a stream; returns what it heard. */
export async function sayHello(address: string, text: string): Promise<readonly string[]> {
  const client = await GrpcClient.connect({ address });
  try {
    const deadlineMs = performance.now() + 10_000;
    const reply = await client.unary("/demo.Greeter/Hello", Buffer.from(text), { deadlineMs });
    const heard = [Buffer.from(reply).toString()];

    const chat = client.stream("/demo.Greeter/Chat", { deadlineMs });
    chat.onMessage = (message) => heard.push(Buffer.from(message).toString());
    const ended = new Promise((resolve) => {
      chat.onEnd = resolve; // with the status, however the call ends
    });
    for (const word of text.split(" ")) chat.send(Buffer.from(word));
    chat.halfClose();
    await ended;
    return heard;
  } finally {
    client.close();
  }
}
