// How EDGE reads requests, as nginx was seen to.
import { expect, test } from "bun:test";
import { parseEdgeRequest, splitHead } from "../../../src/sandbox/cloud-pipeline/edge-request.ts";

test.each([
  ["CONNECT 10.244.1.2:22 HTTP/1.0", "10.244.1.2", 22],
  ["CONNECT run.cluster:65535 HTTP/1.1\r\nHost: run.cluster:65535", "run.cluster", 65535],
  ["CONNECT [::1]:80 HTTP/1.0", "::1", 80],
  ["\r\nCONNECT a-b:1 HTTP/1.0\nUser-Agent: x", "a-b", 1],
])("parseEdgeRequest() understands %j", (head, host, port) => {
  expect(parseEdgeRequest(head)).toMatchObject({ kind: "connect", host, port });
});

test.each([
  ["CONNECT 10.244.1.2 HTTP/1.0", 400],
  ["CONNECT 10.244.1.2:0 HTTP/1.0", 400],
  ["CONNECT 10.244.1.2:65536 HTTP/1.0", 400],
  ["CONNECT my_host:22 HTTP/1.0", 400],
  ["CONNECT a/b:22 HTTP/1.0", 400],
  ["CONNECT 10.244.1.2:22 HTTP/1.1", 400],
  ["SSH-2.0-OpenSSH_9.2", 400],
  ["connect 10.244.1.2:22 HTTP/1.0", 400],
  ["", 400],
  ["GET / HTTP/1.0", 404],
  ["GET / HTTP/1.1\r\nHost: x", 404],
  ["CONNECT a:1 HTTP/2.0", 505],
])("parseEdgeRequest() refuses %j with %d", (head, status) => {
  expect(parseEdgeRequest(head)).toEqual({ kind: "refuse", status: status as 400 });
});

test("parseEdgeRequest() finds the credentials whatever the case of their name", () => {
  const request = parseEdgeRequest("CONNECT a:1 HTTP/1.0\r\npRoxy-AUTHORIZATION:  Basic eDp5 ");
  expect(request).toMatchObject({ proxyAuthorization: "Basic eDp5" });
});

test("splitHead() keeps what follows the blank line", () => {
  for (const text of ["", "CONN", "CONNECT a:1 HTTP/1.0\r\nB: c\r\n"]) {
    expect(splitHead(Buffer.from(text))).toBeUndefined();
  }
  expect(splitHead(Buffer.from("GET / HTTP/1.0\r\nB: c\r\n\r\nrest\r\n\r\n"))).toEqual({
    head: "GET / HTTP/1.0\r\nB: c\r",
    rest: Buffer.from("rest\r\n\r\n"),
  });
});

test("splitHead() does not wait for the end of garbage", () => {
  expect(splitHead(Buffer.from("SSH-2.0"))?.head).toBe("SSH-2.0");
});
