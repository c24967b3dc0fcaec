/* Search without a server. A browser starts no worker from file://, so the worker's script runs in a
   hidden frame there. The theme looks for the name IFrameWorker in the window. */
class IFrameWorker extends EventTarget {
  constructor(url) {
    super();
    const frame = Object.assign(document.createElement("iframe"), { hidden: true });
    document.body.append(frame);
    this.scope = frame.contentWindow;
    this.onmessage = null;
    const pass = (data) => {
      const event = new MessageEvent("message", { data });
      this.dispatchEvent(event);
      this.onmessage?.(event);
    };
    this.ready = new Promise((resolve, reject) => {
      Object.assign(this.scope, { postMessage: pass });
      const script = Object.assign(this.scope.document.createElement("script"), { src: url });
      script.onload = resolve;
      script.onerror = reject;
      this.scope.document.body.append(script);
    });
  }

  postMessage(data) {
    this.ready.then(() => this.scope.dispatchEvent(new MessageEvent("message", { data })));
  }

  terminate() {
    this.scope.frameElement.remove();
  }
}

if (location.protocol === "file:") Object.assign(window, { IFrameWorker, Worker: IFrameWorker });
