// `/ws`: every message comes back as it was. The profile echo-ws is not listed in
// meta.json: while connections echo, the listener gets to accept only one other in
// each turn of the event loop, and hundreds are not up before a run is over.

import { WebSocketServer } from "ws";

export function acceptWebSockets(server) {
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  server.on("upgrade", (request, socket, head) => {
    // Node stops parsing HTTP at an `Upgrade`, whatever it asks for.
    if (request.url.split("?", 1)[0] !== "/ws") {
      return refuse(socket, "404 Not Found");
    }
    // The package also takes version 8, a draft of the protocol.
    if (request.headers["sec-websocket-version"] !== "13") {
      return refuse(socket, "426 Upgrade Required\r\nSec-WebSocket-Version: 13");
    }
    sockets.handleUpgrade(request, socket, head, echo);
  });
}

function refuse(socket, status) {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function echo(socket) {
  socket.on("message", (message, binary) => socket.send(message, { binary }));
  // A peer that breaks off or breaks the protocol concerns nobody else; the
  // package has sent the close frame.
  socket.on("error", () => {});
}
