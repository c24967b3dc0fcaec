// streamkit's events, version 1, as JSON. Made by: streamkit schema --typescript

/** Any event of the schema. */
export type StreamEvent =
  | RunStart
  | RunEnd
  | RunError
  | StepStart
  | StepDelta
  | StepEnd
  | MessageStart
  | TextStart
  | TextDelta
  | TextEnd
  | ReasoningStart
  | ReasoningDelta
  | ReasoningEnd
  | ToolCallStart
  | ToolCallDelta
  | ToolCallEnd
  | Content
  | Citation
  | MessageEnd
  | ToolStart
  | ToolDelta
  | ToolEnd
  | ToolError
  | RetrievalStart
  | RetrievalEnd
  | StateUpdate
  | StateSnapshot
  | Checkpoint
  | Interrupt
  | MessageAdded
  | MessageReplaced
  | MessageRemoved
  | Custom
  | BatchItem
  | Unrecognized;

/** Any event's `type`. */
export type EventType = StreamEvent["type"];

/** The stream begins: always first, also where the source has no such item. */
export interface RunStart {
  type: "run.start";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The root run's id, where the API reports it. */
  run_id?: string;
  /** The input of the run, where the API reports it. */
  input?: unknown;
}

/** The stream ends well, or was stopped by its reader: always last unless `RunError` is. */
export interface RunEnd {
  type: "run.end";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The sum over all model calls, each counted once; None where no call reported any. */
  usage?: Usage;
  /** The same, per model name. */
  usage_by_model?: Record<string, Usage>;
  /** `completed`, `interrupted` (resume it), `cancelled` (the reader left), or `incomplete` (the source stopped before its own end). */
  status: "abandoned" | "cancelled" | "completed" | "failed" | "incomplete" | "interrupted";
  /** The final output, where the API reports it. */
  output?: unknown;
}

/** The source raised: always last, and the exception is re-raised after it. */
export interface RunError {
  type: "run.error";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The sum over all model calls, each counted once; None where no call reported any. */
  usage?: Usage;
  /** The same, per model name. */
  usage_by_model?: Record<string, Usage>;
  /** The exception it raised. */
  error: ErrorInfo;
}

/** A runnable starts. Tools and retrievers have brackets of their own and are no steps. */
export interface StepStart {
  type: "step.start";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** Its run id. */
  step_id: string;
  /** Its kind. */
  kind: "chain" | "chat_model" | "graph" | "llm" | "node" | "parser" | "prompt";
  /** Its input, where the API reports it. */
  input?: unknown;
}

/** A piece of a chain's or a parser's output. */
export interface StepDelta {
  type: "step.delta";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The step, or None where the stream is the step's own output. */
  step_id: string | null;
  /** The piece as upstream gave it. */
  value: unknown;
  /** Whether it replaces what came before (True), adds to it (False), or unknown (None). */
  cumulative?: boolean;
}

/** A runnable ended, and so did everything inside it. */
export interface StepEnd {
  type: "step.end";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The step that ended. */
  step_id: string;
  /** Its kind. */
  kind: "chain" | "chat_model" | "graph" | "llm" | "node" | "parser" | "prompt";
  /** How it ended. */
  status: "abandoned" | "cancelled" | "completed" | "failed" | "incomplete" | "interrupted";
  /** Its result. */
  output?: unknown;
  /** The exception it raised, where it is the innermost thing that failed. */
  error?: ErrorInfo;
}

/** A model begins to answer, or a node returned a whole message of its own. */
export interface MessageStart {
  type: "message.start";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** Stable from start to end. */
  message_id: string;
  /** Who speaks. */
  role?: string;
  /** The model's name, where it is known by now. */
  model?: string;
  /** The provider's name, where it is known by now. */
  provider?: string;
  /** The speaker's name (upstream: `AIMessage.name`), where it is known by now. */
  name?: string;
}

/** A block of text begins. */
export interface TextStart {
  type: "text.start";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The message it belongs to. */
  message_id: string;
  /** Its block's place in the message, from 0. */
  block_id: number;
}

/** A piece of text: only the new piece. */
export interface TextDelta {
  type: "text.delta";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The message it belongs to. */
  message_id: string;
  /** Its block's place in the message, from 0. */
  block_id: number;
  /** The new characters. */
  text: string;
}

/** A block of text is complete. */
export interface TextEnd {
  type: "text.end";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The message it belongs to. */
  message_id: string;
  /** Its block's place in the message, from 0. */
  block_id: number;
  /** All of it: the deltas joined. */
  text: string;
}

/** A block of reasoning begins, in whatever spelling the provider has for it. */
export interface ReasoningStart {
  type: "reasoning.start";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The message it belongs to. */
  message_id: string;
  /** Its block's place in the message, from 0. */
  block_id: number;
}

/** A piece of reasoning: only the new piece. */
export interface ReasoningDelta {
  type: "reasoning.delta";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The message it belongs to. */
  message_id: string;
  /** Its block's place in the message, from 0. */
  block_id: number;
  /** The new characters. */
  text: string;
}

/** A block of reasoning is complete. */
export interface ReasoningEnd {
  type: "reasoning.end";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The message it belongs to. */
  message_id: string;
  /** Its block's place in the message, from 0. */
  block_id: number;
  /** All of it: the deltas joined. */
  text: string;
  /** The provider's signature, or its encrypted reasoning, to be sent back unchanged. */
  signature?: string;
  /** Whether the provider kept the text to itself. */
  redacted?: boolean;
}

/** The model begins to *write* a call. When it *runs*, that is `ToolStart`. */
export interface ToolCallStart {
  type: "tool_call.start";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The message it belongs to. */
  message_id: string;
  /** Its block's place in the message, from 0. */
  block_id: number;
  /** The id that the tool's result will refer to. */
  tool_call_id: string;
  /** The tool's name. */
  name: string;
  /** Whether the provider runs it, so that nobody here has to. */
  provider_executed?: boolean;
}

/** A piece of a call's arguments: JSON text, not yet a value. */
export interface ToolCallDelta {
  type: "tool_call.delta";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The message it belongs to. */
  message_id: string;
  /** Its block's place in the message, from 0. */
  block_id: number;
  /** The call it adds to. */
  tool_call_id: string;
  /** The new characters. */
  args: string;
}

/** A call is written: `args` is complete, or `error` says why it is not. */
export interface ToolCallEnd {
  type: "tool_call.end";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The message it belongs to. */
  message_id: string;
  /** Its block's place in the message, from 0. */
  block_id: number;
  /** The call that ended. */
  tool_call_id: string;
  /** The tool's name. */
  name: string;
  /** The arguments, read as LangChain reads them to run the tool; None where that failed. */
  args: unknown;
  /** The arguments exactly as the model wrote them: the deltas joined. */
  text: string;
  /** Why `args` is None, such as arguments that were cut off. */
  error?: string;
  /** Whether the provider runs it, so that nobody here has to. */
  provider_executed?: boolean;
}

/** A block that arrives whole: image, audio, file, refusal, a server tool's result, ... */
export interface Content {
  type: "content";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The message it belongs to. */
  message_id: string;
  /** Its block's place in the message, from 0. */
  block_id: number;
  /** The block as upstream gave it. */
  block: unknown;
}

/** An annotation on the text of a message. */
export interface Citation {
  type: "citation";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The message it belongs to. */
  message_id: string;
  /** Its block's place in the message, from 0. */
  block_id: number;
  /** The annotation as upstream gave it. */
  citation: unknown;
}

/** A message is complete, and so are all its blocks. */
export interface MessageEnd {
  type: "message.end";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The message that ended. */
  message_id: string;
  /** How it ended. */
  status: "abandoned" | "cancelled" | "completed" | "failed" | "incomplete" | "interrupted";
  /** All its text blocks, joined. */
  text: string;
  /** The calls the model wrote, in the order they began. */
  tool_calls?: ToolCall[];
  /** Its tokens, counted once; None where the provider reported none. */
  usage?: Usage;
  /** Why the model stopped; None where the provider did not say. */
  finish_reason?: "content_filter" | "error" | "length" | "other" | "refusal" | "stop" | "tool_calls";
  /** The provider's own word for it. */
  raw_finish_reason?: string;
  /** The model's name. */
  model?: string;
  /** The id under which the graph's state holds it, where that differs from `message_id`. */
  stored_id?: string;
  /** The other fields that the provider sent. */
  response_metadata?: Record<string, unknown>;
}

/** A tool begins to *run*. */
export interface ToolStart {
  type: "tool.start";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The model's call it answers, or its own run id where no model asked for it. */
  tool_call_id: string;
  /** The tool's name. */
  name: string;
  /** Its input. */
  input?: unknown;
}

/** A piece of a running tool's output. */
export interface ToolDelta {
  type: "tool.delta";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The call it belongs to. */
  tool_call_id: string;
  /** The piece. */
  delta: unknown;
}

/** A tool returned. One that failed ends with `tool.error` instead. */
export interface ToolEnd {
  type: "tool.end";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The model's call it answers, or its own run id where no model asked for it. */
  tool_call_id: string;
  /** The tool's name. */
  name: string;
  /** `completed`, or why nothing came back. */
  status: "abandoned" | "cancelled" | "completed" | "failed" | "incomplete" | "interrupted";
  /** Its result: a ToolMessage gives its content, anything else is as it was returned. */
  output?: unknown;
  /** The part of the result that the model does not see. */
  artifact?: unknown;
  /** Whether the result is what the state holds. False where the node that ran the tool put no message for its call into the state: then nobody has checked what the tool returned. */
  confirmed?: boolean;
}

/** A tool failed, whether or not the graph went on; or a person did not let it run. */
export interface ToolError {
  type: "tool.error";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The model's call it answers, or its own run id where no model asked for it. */
  tool_call_id: string;
  /** The tool's name. */
  name: string;
  /** The exception it raised, or the error text it returned. */
  error: ErrorInfo;
}

/** A retriever begins to search. */
export interface RetrievalStart {
  type: "retrieval.start";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** Its run id. */
  retrieval_id: string;
  /** The retriever's name. */
  name: string;
  /** The query. */
  query?: unknown;
}

/** A retriever found what it found. */
export interface RetrievalEnd {
  type: "retrieval.end";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The search that ended. */
  retrieval_id: string;
  /** The retriever's name. */
  name: string;
  /** How it ended. */
  status: "abandoned" | "cancelled" | "completed" | "failed" | "incomplete" | "interrupted";
  /** The documents found. */
  documents?: unknown[];
  /** The exception it raised. */
  error?: ErrorInfo;
}

/** A node wrote to the graph's state. */
export interface StateUpdate {
  type: "state.update";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The node that wrote. */
  node: string;
  /** The values it wrote, in whatever shape: a dict, a list of dicts, a scalar, or None. */
  values?: unknown;
  /** Whether an earlier run wrote it, so that the node need not run in this one. */
  cached?: boolean;
}

/** The whole state of a graph. */
export interface StateSnapshot {
  type: "state.snapshot";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The state. */
  values: unknown;
}

/** The checkpointer saved the graph. */
export interface Checkpoint {
  type: "checkpoint";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The config that leads back to it. */
  config?: unknown;
  /** The config of the one before. */
  parent_config?: unknown;
  /** The state it holds. */
  values?: unknown;
  /** The nodes that run next. */
  next?: string[];
  /** The checkpointer's own notes. */
  metadata?: unknown;
}

/** The graph waits for somebody: once per pause, where it was raised. */
export interface Interrupt {
  type: "interrupt";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The key to answer with: `Command(resume={interrupt_id: ...})`. */
  interrupt_id: string;
  /** The question of the graph. */
  value?: unknown;
  /** Whether it is a breakpoint (`interrupt_before`), which asks nothing. */
  static?: boolean;
  /** The call whose tool asked. */
  tool_call_id?: string;
  /** The shape of the answer, where the graph gave one. */
  response_schema?: unknown;
}

/** A node put a human or system message into the state. */
export interface MessageAdded {
  type: "message.added";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The message as upstream gave it. */
  message: unknown;
}

/** A node wrote other content under the id of a message that was already emitted. */
export interface MessageReplaced {
  type: "message.replaced";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The message whose content changed. */
  message_id: string;
  /** The whole message as the state holds it now. */
  message: unknown;
  /** The call that it answers, where the message is a tool's result. */
  tool_call_id?: string;
}

/** A node took a message out of the state, and no graph around it still holds it. */
export interface MessageRemoved {
  type: "message.removed";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The message that is gone. Removing all messages is one event for each known message. */
  message_id: string;
  /** The call that it answered, where the message was a tool's result. */
  tool_call_id?: string;
}

/** The application's own event. */
export interface Custom {
  type: "custom";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** Its name from `dispatch_custom_event`; None from `get_stream_writer`. */
  name?: string;
  /** Its payload. */
  data?: unknown;
}

/** One input of a batch is done. */
export interface BatchItem {
  type: "batch.item";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** Its place among the inputs. */
  index: number;
  /** Its result. */
  output?: unknown;
  /** The exception it raised, where the batch returns exceptions. */
  error?: ErrorInfo;
}

/** An item nobody understands: never dropped in silence. */
export interface Unrecognized {
  type: "unrecognized";
  /** Where it comes from. */
  origin?: Origin;
  /** Unix seconds, read once per raw item. */
  timestamp: number;
  /** The item. */
  raw?: unknown;
  /** Why it was not understood. */
  reason?: string;
}

/** An error. */
export interface ErrorInfo {
  /** The exception's class name. */
  name: string;
  /** Its text: for logs, not for strangers. */
  message?: string;
  /** A machine-readable code or HTTP status, where the exception has one. */
  code?: string | number;
}

/** Where an event comes from: one object per upstream run, shared by all its events. */
export interface Origin {
  /** The upstream run, where the API reports it (`messages` mode does not). */
  run_id?: string;
  /** The runs around it, root first. */
  parent_ids?: string[];
  /** The runnable's name. */
  name?: string;
  /** The LangGraph node it runs in (upstream: `langgraph_node`). */
  node?: string;
  /** The path of the graph it runs in, as `"node:task_id"` parts; the root graph is `()`. */
  namespace?: string[];
  /** The superstep of that graph (upstream: `langgraph_step`). */
  step?: number;
  /** The agent's name (upstream: `lc_agent_name`, set by `create_agent(name=...)`). */
  agent?: string;
  /** The checkpointer's thread. */
  thread_id?: string;
  /** Tags, inherited ones included. */
  tags?: string[];
  /** Upstream's own metadata object, never copied and never changed. */
  metadata?: Record<string, unknown>;
  /** Whether this is a model call that upstream keeps from users, such as a summary's: the run or one around it is tagged `nostream` or has `lc_internal_call` in its metadata. */
  internal?: boolean;
  /** The call on whose behalf all this happens, where it happens inside a tool. */
  tool_call_id?: string;
}

/** A call as a finished message holds it. */
export interface ToolCall {
  /** The id that the tool's result refers to. */
  id: string;
  /** The tool's name. */
  name: string;
  /** The arguments, or None where they are no JSON object (see `error`). */
  args: unknown;
  /** The arguments exactly as the model wrote them. */
  text: string;
  /** Why `args` is None. */
  error?: string;
  /** Whether the provider runs it, so that nobody here has to. */
  provider_executed?: boolean;
}

/** Tokens of one or several model calls. */
export interface Usage {
  /** All tokens read, cached ones included. */
  input_tokens: number;
  /** All tokens written, reasoning included. */
  output_tokens: number;
  /** The sum as the provider reports it; input plus output where it reports none. */
  total_tokens: number;
  /** Parts of the input, such as `cache_read`. */
  input_token_details?: Record<string, number>;
  /** Parts of the output, such as `reasoning`. */
  output_token_details?: Record<string, number>;
}
