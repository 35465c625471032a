// The comparison server on Node.js: its own `http` behind `cluster`, one process
// per CPU of the affinity mask; the primary accepts and shares connections out in
// turn, the policy that the documentation of `cluster` prefers to the system's.
// Compression is Node's zlib, asynchronous as its documentation asks of servers;
// WebSockets are the package `ws`.
//
// Environment: PORT (8080) and DATA_DIR (/data).

import cluster from "node:cluster";
import { createServer } from "node:http";
import { availableParallelism } from "node:os";
import process from "node:process";

import { load } from "./data.js";
import { answer } from "./routes.js";
import { acceptWebSockets } from "./websocket.js";

const port = Number(process.env.PORT ?? 8080);
const dataDir = process.env.DATA_DIR ?? "/data";

if (!Number.isInteger(port) || port < 1 || port > 65535) {
  console.error(`node: PORT is not a port number: ${process.env.PORT}`);
  process.exit(1);
}

if (cluster.isPrimary) {
  startWorkers();
} else {
  serve();
}

function startWorkers() {
  const count = availableParallelism();
  console.error(`node ${process.version}: port ${port}, ${count} processes`);
  for (let index = 0; index < count; index += 1) {
    cluster.fork();
  }
  let stopping = false;
  cluster.on("exit", (worker, code, signal) => {
    if (!stopping) {
      console.error(`node: a worker ended (${signal ?? code})`);
      process.exit(1);
    }
  });
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.on(signal, () => {
      stopping = true;
      for (const worker of Object.values(cluster.workers)) {
        worker.process.kill("SIGKILL");
      }
      process.exit(0);
    });
  }
}

function serve() {
  // When the primary is gone, so is the port that was its.
  process.on("disconnect", () => process.exit(0));
  const data = load(dataDir);
  const server = createServer(
    // No deadline per request: connections of the load are idle at will.
    { noDelay: true, requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 },
    (request, response) => answer(data, request, response),
  );
  acceptWebSockets(server);
  // As Node's own answer, with a length: without one it would not be complete.
  server.on("clientError", (error, socket) => {
    if (error.code === "ECONNRESET" || !socket.writable) return socket.destroy();
    socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  });
  server.on("error", (error) => {
    console.error(`node: cannot listen on port ${port}: ${error.message}`);
    process.exit(1);
  });
  server.listen({ port, host: "0.0.0.0", backlog: 4096 });
}
