// The endpoints.

import { constants, gzip } from "node:zlib";

import { list } from "./data.js";
import { wantsGzip } from "./encoding.js";

const UPLOAD_BYTES_MAX = 32 * 1024 * 1024;
const NUMBER_BYTES_MAX = 256;
const INTEGER = /^[+-]?\d+$/;

export function answer(data, request, response) {
  const { method, url } = request;
  if (request.httpVersionMajor < 1) return text(response, "HTTP/1.1, please", 400);
  const mark = url.indexOf("?");
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = mark < 0 ? "" : url.slice(mark + 1);
  const reading = method === "GET" || method === "HEAD";
  switch (path) {
    case "/baseline11":
      if (reading) return text(response, String(sum(query)));
      if (method === "POST") return sumWithBody(query, request, response);
      return notAllowed(response, "GET, HEAD, POST");
    case "/upload":
      return method === "POST" ? upload(request, response) : notAllowed(response, "POST");
    case "/pipeline":
      return reading ? text(response, "ok") : notAllowed(response, "GET, HEAD");
    case "/json":
    case "/compression":
      if (!reading) return notAllowed(response, "GET, HEAD");
      return listed(path === "/json" ? data.small : data.large, Infinity, 1, request, response);
    case "/ws":
      // Opening handshakes do not come here.
      if (method !== "GET") return notAllowed(response, "GET");
      response.setHeader("Sec-WebSocket-Version", "13");
      return text(response, "this is a WebSocket endpoint", 426);
    default:
      if (path.startsWith("/json/")) {
        return reading ? jsonCount(data, path, query, request, response) : notAllowed(response, "GET, HEAD");
      }
      return text(response, "no such resource", 404);
  }
}

/** Of all parameters that are integers. */
function sum(query) {
  let total = 0;
  for (const value of new URLSearchParams(query).values()) {
    total += integer(value) ?? 0;
  }
  return total;
}

function integer(text) {
  return INTEGER.test(text) ? Number(text) : undefined;
}

function sumWithBody(query, request, response) {
  let body = "";
  request.setEncoding("latin1");
  request.on("data", (part) => {
    if (body.length < NUMBER_BYTES_MAX) body += part;
  });
  request.on("end", () => text(response, String(sum(query) + (integer(body.trim()) ?? 0))));
}

/** Counts the bytes as they arrive and keeps none. */
function upload(request, response) {
  let count = 0;
  request.on("data", (part) => {
    count += part.length;
    if (count > UPLOAD_BYTES_MAX && !response.headersSent) {
      response.setHeader("Connection", "close");
      text(response, "the body is too large", 413);
    }
  });
  request.on("end", () => {
    if (!response.headersSent) text(response, String(count));
  });
}

function jsonCount(data, path, query, request, response) {
  const count = integer(path.slice("/json/".length));
  const m = new URLSearchParams(query).get("m");
  const factor = m === null ? 1 : integer(m);
  if (count === undefined || factor === undefined) {
    return text(response, "the number of items and m have to be numbers", 400);
  }
  return listed(data.small, count, factor, request, response);
}

function listed(items, count, factor, request, response) {
  if (items === null) return text(response, "the dataset is not available", 500);
  const body = Buffer.from(list(items, count, factor));
  response.setHeader("Content-Type", "application/json");
  response.setHeader("Vary", "Accept-Encoding");
  if (!wantsGzip(request.headers["accept-encoding"])) return finish(response, body);
  gzip(body, { level: constants.Z_BEST_SPEED }, (error, packed) => {
    if (error === null) response.setHeader("Content-Encoding", "gzip");
    finish(response, error === null ? packed : body);
  });
}

function text(response, body, status = 200) {
  response.statusCode = status;
  response.setHeader("Content-Type", "text/plain");
  finish(response, body);
}

function notAllowed(response, methods) {
  response.setHeader("Allow", methods);
  text(response, "method not allowed", 405);
}

function finish(response, body) {
  response.setHeader("Content-Length", Buffer.byteLength(body));
  response.end(body);
}
