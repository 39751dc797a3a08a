import { describe, expect, test } from "bun:test";
import { Secret } from "../../../src/domain/secret.ts";
import {
  renderAuthorization,
  renderStringToSign,
  type SignedParts,
  sign,
  signedHeaders,
} from "../../../src/platforms/backend-ai/signing.ts";

const accessKey = "AKIAIOSFODNN7EXAMPLE";
const secretKey = new Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
const python = "2024-08-15T01:23:45.678901+00:00";
const javascript = "2024-08-15T01:23:45.678Z";

const A: SignedParts = {
  method: "GET",
  target: "/stream/session/mysess/tcpproxy?app=sshd",
  date: python,
  host: "api.example.com:8081",
  contentType: "application/octet-stream",
  apiVersion: "v8.20240315",
};
const B: SignedParts = {
  method: "POST",
  target: "/session/mysess/start-service",
  date: javascript,
  host: "api.example.com",
  contentType: "application/json",
  apiVersion: "v8.20240315",
};
const C: SignedParts = {
  ...B,
  target: "/session/mysess/download_single?file=%2Fhome%2Fwork%2Fid_container",
  apiVersion: "v9.20250722",
};
const D: SignedParts = {
  method: "GET",
  target: "/stream/session/mysess/apps",
  date: python,
  host: "127.0.0.1:8091",
  contentType: "text/plain",
  apiVersion: "v6.20220615",
};

describe("sign()", () => {
  test.each([
    ["A, a WebSocket upgrade", A, "b76a9f135f61bed344e785a6de9dbf715d087430161d88101894da56e64913b5"],
    [
      "B, a POST with the second form of the date",
      B,
      "942423d64f3ae5d1bb9a8f45778acc1e17da95ad72bcd5924ea06f5d1ab71745",
    ],
    ["C, a query with escapes", C, "9b3cfa5ecaf36e9489690c83c892633f2dfd72f950f28fe9a1222b67982491a4"],
    ["D, a host that is an address", D, "9bbf2ed4db3e375729474ce2b370e5b3923021ac5a7880d9bba66402c36b8a75"],
  ])("gives the published signature of vector %s", (_name, parts, signature) => {
    expect(sign(parts, secretKey)).toBe(signature);
  });

  test("leaves the parameters of the media type out and lowers the case of type, raises that of the method", () => {
    const sloppy = { ...B, contentType: "Application/JSON; charset=utf-8", method: "post" };
    expect(sign(sloppy, secretKey)).toBe(sign(B, secretKey));
  });

  test.each(["method", "target", "date", "host", "contentType", "apiVersion"] as const)("covers the %s", (field) => {
    expect(sign({ ...A, [field]: `${A[field]}0` }, secretKey)).not.toBe(sign(A, secretKey));
  });
});

test("renderStringToSign() joins seven fields without a newline at the end", () => {
  const lines = renderStringToSign(A).split("\n");
  expect(lines).toHaveLength(7);
  expect(lines[6]).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
});

test("renderAuthorization() names method, access key and signature", () => {
  expect(renderAuthorization(A, { accessKey, secretKey })).toBe(
    `BackendAI signMethod=HMAC-SHA256, credential=${accessKey}:b76a9f135f61bed344e785a6de9dbf715d087430161d88101894da56e64913b5`,
  );
});

test("signedHeaders() signs the moment given and sends it as X-BackendAI-Date", () => {
  const headers = signedHeaders(B, { accessKey, secretKey }, Date.parse(javascript));
  expect(headers["X-BackendAI-Date"]).toBe(javascript);
  expect(headers["X-BackendAI-Version"]).toBe("v8.20240315");
  expect(headers["Authorization"]).toEndWith("942423d64f3ae5d1bb9a8f45778acc1e17da95ad72bcd5924ea06f5d1ab71745");
});
