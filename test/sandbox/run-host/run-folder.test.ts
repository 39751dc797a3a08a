// Paths of a run and paths of the machine that plays it.
import { expect, test } from "bun:test";
import { RunFolder } from "../../../src/sandbox/run-host/run-folder.ts";

const folder = new RunFolder("/scratch/1001", ["root", "USER"]);

test.each([
  ["/common/workdir/file.txt", "/scratch/1001/common/workdir/file.txt"],
  ["file.txt", "/scratch/1001/root/file.txt"],
  [".", "/scratch/1001/root"],
  ["", "/scratch/1001/root"],
  ["../home/USER", "/scratch/1001/home/USER"],
  ["/../../etc/passwd", "/scratch/1001/etc/passwd"],
  ["/scratch/1001/common", "/scratch/1001/common"],
  ["/scratch/1001/../../etc/passwd", "/scratch/1001/etc/passwd"],
  ["/scratch/10012", "/scratch/1001/scratch/10012"],
])("toReal() finds %j", (path, real) => {
  expect(folder.toReal(path, "/scratch/1001/root")).toBe(real);
});

test.each([
  ["/scratch/1001/common/workdir", "/common/workdir"],
  ["/scratch/1001", "/"],
  ["/elsewhere", "/elsewhere"],
])("toRun() names %j", (real, path) => {
  expect(folder.toRun(real)).toBe(path);
});

test.each([
  ["cat /etc/ssh/ssh_host_*_key.pub", "cat /scratch/1001/etc/ssh/ssh_host_*_key.pub"],
  ["scp -t /common/workdir/a.txt", "scp -t /scratch/1001/common/workdir/a.txt"],
  ["X=/root/.pipe; ls '/common'>/root/x", "X=/scratch/1001/root/.pipe; ls '/scratch/1001/common'>/scratch/1001/root/x"],
  ["ls /home/USER/.ssh /home/USERS", "ls /scratch/1001/home/USER/.ssh /home/USERS"],
  ["grep x /etc/passwd /etc/hosts", "grep x /scratch/1001/etc/passwd /etc/hosts"],
  ["ls /rooted /commonly a/common ~/common $HOME/root $X/root /var/root", undefined],
  ["ls /scratch/1001/common", undefined],
])("rewrite() turns %j", (command, expected) => {
  expect(folder.rewrite(command)).toBe(expected ?? command);
});

test("rewrite() leaves commands alone where the scratch folder's path needs quoting", () => {
  expect(new RunFolder("/my folder", ["root"]).rewrite("ls /common")).toBe("ls /common");
});
