// The API's answers against the documented ones, as text.
import { expect, test } from "bun:test";
import { type ApiRequest, type ApiWorld, answerRequest } from "../../../src/sandbox/cloud-pipeline/rest-api.ts";
import { ADMIN, FRIEND, RunBook, USER } from "../../../src/sandbox/cloud-pipeline/runs.ts";
import { TokenMint } from "../../../src/sandbox/cloud-pipeline/tokens.ts";

const mint = await TokenMint.create(() => Date.UTC(2024, 9, 24));
const token = mint.issue(USER, 3_600_000);
const adminToken = mint.issue(ADMIN, 3_600_000);

function makeWorld(): ApiWorld {
  return {
    runs: new RunBook(),
    mint,
    preferences: new Map([["system.ssh.default.root.user.enabled", "true"]]),
    edgeUrl: (region) => (region === undefined || region === "eu-west" ? "http://127.0.0.1:31081" : undefined),
  };
}

function ask(target: string, request: Partial<ApiRequest> = {}): { status: number; contentType: string; body: string } {
  return answerRequest(makeWorld(), {
    method: "GET",
    target: `/pipeline/restapi/${target}`,
    authorization: `Bearer ${token}`,
    ...request,
  });
}

const RUN_1005 =
  '{"payload":{"id":1005,"status":"RUNNING","owner":"USER@corp.example","podIP":"10.244.1.6","podId":"pipeline-1005",' +
  '"sshPassword":"password-of-1005","platform":"linux","sensitive":false,"initialized":true,' +
  '"dockerImage":"registry/library/centos:7","startDate":"2024-10-24 10:00:00.000",' +
  '"createdDate":"2024-10-24 10:00:00.000","mask":15,' +
  '"instance":{"nodeIP":"10.0.0.1","nodeType":"m5.large","spot":false},' +
  '"pipelineRunParameters":[{"name":"CP_CAP_SSH_MODE","value":"owner"}]},"status":"OK"}';

test.each([
  ["run/1005", RUN_1005],
  ["run/99999", `{"message":"Pipeline with requested id: '99999' was not found.","status":"ERROR"}`],
  ["run/1015", '{"message":"Access is denied","status":"ERROR"}'],
  ["run/1015/tasks", '{"message":"Access is denied","status":"ERROR"}'],
  ["run/1009/tasks", '{"status":"OK"}'],
  [
    "run/1001/tasks",
    '{"payload":[{"name":"InitializeEnvironment","status":"SUCCESS","instance":"pipeline-1001",' +
      '"created":"2024-10-24 10:00:00.000","started":"2024-10-24 10:00:05.000",' +
      '"finished":"2024-10-24 10:01:05.000"}],"status":"OK"}',
  ],
  ["cluster/edge/externalUrl", '{"payload":"http://127.0.0.1:31081","status":"OK"}'],
  ["cluster/edge/externalUrl?region=eu-west", '{"payload":"http://127.0.0.1:31081","status":"OK"}'],
  ["cluster/edge/externalUrl?region=nowhere", '{"status":"OK"}'],
  // The platform's own client forgets the `=`; the server then sees no region.
  ["cluster/edge/externalUrl?regionnowhere", '{"payload":"http://127.0.0.1:31081","status":"OK"}'],
  [
    "/whoami",
    '{"payload":{"id":1,"userName":"USER@corp.example","admin":false,"blocked":false,' +
      '"roles":[{"id":2,"name":"ROLE_USER"}]},"status":"OK"}',
  ],
  [
    "preferences/system.ssh.default.root.user.enabled",
    '{"payload":{"name":"system.ssh.default.root.user.enabled","value":"true","preferenceGroup":"System",' +
      '"visible":true,"type":"BOOLEAN"},"status":"OK"}',
  ],
  ["preferences/no.such", `{"message":"Preference with name 'no.such' not found","status":"ERROR"}`],
  ["user/token?name=FRIEND@corp.example", '{"message":"Access is denied","status":"ERROR"}'],
])("answerRequest() answers %s", (target, body) => {
  const answer = ask(target);
  expect(answer).toEqual({ status: 200, contentType: "application/json;charset=UTF-8", body });
});

test.each([
  [1001, { status: "RUNNING", initialized: true }],
  [1002, { sensitive: true }],
  [1003, { initialized: false }],
  [1004, { status: "PAUSED" }],
  [1007, { instance: { nodeType: "m5.large", spot: false } }],
  [1010, { initialized: false }],
  [1012, { platform: "windows" }],
  [1013, { status: "STOPPED", endDate: "2024-10-24 11:00:00.000" }],
  [1014, { status: "SUCCESS" }],
  [1018, { status: "FAILURE" }],
  [1017, { sshPassword: "password-of-1017", owner: FRIEND.name }],
  [1011, { runSids: [{ runId: 1011, name: "USER@corp.example", isPrincipal: true, accessType: "ENDPOINT" }], mask: 1 }],
  [56819, { status: "RUNNING", initialized: true }],
  [75376, { status: "RUNNING", initialized: true }],
])("answerRequest() shows run %d", (id, members) => {
  expect(JSON.parse(ask(`run/${id}`).body).payload).toMatchObject(members);
});

test.each([
  [1007, "instance", '"nodeIP"'],
  [1008, "podIP", '"podIP"'],
  [1011, "sshPassword", '"sshPassword"'],
  [1001, "pipelineRunParameters", '"pipelineRunParameters"'],
])("answerRequest() leaves out what run %d does not have in %s", (id, _where, member) => {
  expect(ask(`run/${id}`).body).not.toContain(member);
});

test("answerRequest() lets a worker share its parent's users", () => {
  expect(ask("run/1006").body).toContain(
    '"pipelineRunParameters":[{"name":"parent-id","value":"1001"},{"name":"CP_CAP_SHARE_USERS","value":"true"}]',
  );
});

test.each([
  ["a Bearer token", { authorization: `Bearer ${token}` }],
  ["Basic credentials", { authorization: `Basic ${Buffer.from(`USER:${token}`).toString("base64")}` }],
  [
    "the cookie",
    { authorization: undefined, cookie: `a=b; HttpAuthorization=${encodeURIComponent(`Bearer ${token}`)}` },
  ],
])("answerRequest() accepts %s", (_what, request) => {
  expect(ask("whoami", request).status).toBe(200);
});

test.each([
  ["no token", undefined],
  ["a token of another key", `Bearer ${(await TokenMint.create(Date.now)).issue(USER, 3_600_000)}`],
  ["an expired token", `Bearer ${mint.issue(USER, -1000)}`],
  [
    "a changed token",
    `Bearer ${token.replace(/\.[^.]*\./, `.${Buffer.from('{"sub":"ADMIN"}').toString("base64url")}.`)}`,
  ],
  ["garbage", "Bearer garbage"],
])("answerRequest() refuses %s", (_what, authorization) => {
  const answer = ask("whoami", { authorization });
  expect(answer.status).toBe(401);
  expect(JSON.parse(answer.body)).toMatchObject({ status: 401, error: "Unauthorized" });
  expect(ask("whoami", { authorization, accept: "text/html" })).toMatchObject({
    status: 401,
    contentType: "text/html;charset=utf-8",
  });
});

test("answerRequest() accepts doubled slashes and any base path", () => {
  for (const target of ["/pipeline/restapi//whoami", "//pipeline//restapi/whoami", "/restapi/whoami"]) {
    expect(ask("", { target }).body).toContain('"userName":"USER@corp.example"');
  }
});

test("answerRequest() tells wrong methods and paths", () => {
  expect(ask("whoami", { method: "DELETE" }).status).toBe(405);
  expect(ask("no/such").status).toBe(404);
  expect(ask("", { target: "/elsewhere" }).status).toBe(404);
});

test("answerRequest() gives administrators other users' tokens and runs", () => {
  const authorization = `Bearer ${adminToken}`;
  const answer = ask("user/token?name=USER@corp.example", { authorization });
  const issued: string = JSON.parse(answer.body).payload.token;
  expect(mint.check(issued)).toMatchObject({ kind: "valid", user: USER.name });
  expect(ask("run/1015", { authorization }).body).toContain('"sshPassword":"password-of-1015"');
});

const equals = (field: string, value: string): unknown => ({
  field,
  value,
  operand: "=",
  filterExpressionType: "LOGICAL",
});

function search(podIp: string): string {
  const expressions = [equals("pod.ip", `'${podIp}'`), equals("status", "RUNNING")];
  const body = { filterExpression: { filterExpressionType: "AND", expressions }, page: 1, pageSize: 1 };
  return ask("run/search", { method: "POST", body: JSON.stringify(body) }).body;
}

test("answerRequest() finds running runs of the caller by pod address", () => {
  expect(JSON.parse(search("10.244.1.2")).payload).toMatchObject({ elements: [{ id: 1001 }], totalCount: 1 });
  // Paused, shared, unknown.
  for (const podIp of ["10.244.1.5", "10.244.1.18", "10.9.9.9"]) {
    expect(search(podIp)).toBe('{"payload":{"totalCount":0},"status":"OK"}');
  }
});

test("answerRequest() lists runs shared with the caller as services", () => {
  const body = { eagerGrouping: false, page: 1, pageSize: 1000, userModified: false, statuses: ["RUNNING"] };
  const answer = JSON.parse(ask("services", { method: "POST", body: JSON.stringify(body) }).body);
  expect(answer.payload.elements.map((run: { id: number }) => run.id)).toEqual([1011, 1017]);
});
