import { useState } from "react";
import { createRoot } from "react-dom/client";
import { useStream } from "@langchain/react";

const thread = new URL(location.href).searchParams.get("thread");

function Chat() {
  const stream = useStream({
    apiUrl: `${location.origin}${location.pathname}api`,
    assistantId: "agent",
    threadId: thread,
  });
  const [text, setText] = useState("");
  window.stream = stream;
  return (
    <main>
      {stream.messages.map((it) => (
        <p key={it.id} className={it.type}>{it.text}</p>
      ))}
      {stream.interrupts.map((it) => (
        <div key={it.id} className="question">
          {String(it.value)}
          <button onClick={() => stream.respond("yes", { interruptId: it.id })}>Yes</button>
        </div>
      ))}
      <form onSubmit={(event) => {
        event.preventDefault();
        stream.submit({ messages: [{ type: "human", content: text }] });
        setText("");
      }}>
        <input value={text} onChange={(event) => setText(event.target.value)} />
        <button>Send</button>
        <button type="button" onClick={() => stream.stop()} hidden={!stream.isLoading}>Stop</button>
      </form>
    </main>
  );
}
createRoot(document.getElementById("root")).render(<Chat />);
