// Uses every public operation of the vendor's JavaScript SDK once, on one sandbox of the engine whose address and key
// come in the environment, and prints {"operation": null | what failed} as JSON. Run in the folder of its node_modules.
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const sdk = require(require.resolve('@hopx-ai/sdk', { paths: [process.cwd()] }));

const { Sandbox } = sdk;
const apiKey = process.env.HOPX_API_KEY;
const baseURL = process.env.HOPX_BASE_URL;
const folder = process.env.CLIENT_FOLDER;
const internetAccess = !process.env.CLIENT_CAN_CUT_OFF;
const where = { apiKey, baseURL };
const PARTS = {
  '': sdk.Sandbox, files: sdk.Files, commands: sdk.Commands, env: sdk.EnvironmentVariables, cache: sdk.Cache,
  terminal: sdk.Terminal,
};
// Not the user's to call, or for no server on loopback (contract D35), or without a screen (contract 2.9).
const EXCLUDED = new Set([
  'ensureAgentClientSync', 'ensureWSClientSync', 'ensureAgentClient', 'ensureWSClient', 'getPreviewUrl', 'agentUrl',
  'desktop',
]);

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
async function until(condition) {
  for (let turn = 0; turn < 400; turn += 1) {
    const value = await condition();
    if (value) return value;
    await pause(50);
  }
  throw new Error('waited 20 s');
}
async function another(options = {}) {
  return Sandbox.create({ template: 'base', timeoutSeconds: 600, ...where, ...options });
}
async function collect(iterator, last) {
  const seen = [];
  for await (const message of iterator) {
    seen.push(message);
    if (last(message)) break;
  }
  return seen;
}

let box;
const checks = {
  create: async () => {
    const made = await another({ internetAccess, envVars: { A: '1' }, region: 'local' });
    assert.equal((await made.commands.run('echo $A')).stdout, '1\n');
    assert.equal((await made.getInfo()).internetAccess, internetAccess);
    await made.kill();
    await assert.rejects(Sandbox.create({ template: 'no-such-template', ...where }));
  },
  connect: async () => {
    await box.pause();
    const again = await Sandbox.connect(box.sandboxId, apiKey, baseURL); // it lets the sandbox go on
    assert.equal((await again.commands.run('echo back')).stdout, 'back\n');
  },
  iter: async () => {
    const other = await another();
    const seen = [];
    for await (const one of Sandbox.iter({ status: 'running', ...where })) seen.push(one.sandboxId);
    assert.ok(seen.includes(box.sandboxId) && seen.includes(other.sandboxId));
    await other.kill();
  },
  list: async () => {
    assert.ok((await Sandbox.list({ ...where })).some((one) => one.sandboxId === box.sandboxId));
    assert.deepEqual(await Sandbox.list({ status: 'stopped', ...where }), []);
  },
  listTemplates: async () => {
    assert.ok((await Sandbox.listTemplates(where)).some((one) => one.name === 'base'));
    assert.ok((await Sandbox.listTemplates({ language: 'python', ...where })).every((one) => one.language === 'python'));
  },
  getTemplate: async () => assert.equal((await Sandbox.getTemplate('base', where)).isActive, true),
  deleteTemplate: async () => {
    assert.ok(await Sandbox.deleteTemplate(process.env.CLIENT_TEMPLATE, where));
    await assert.rejects(Sandbox.deleteTemplate('base', where));
  },
  healthCheck: async () => assert.equal((await Sandbox.healthCheck(baseURL)).status, 'healthy'),
  init: async () => box.init(),
  getInfo: async () => {
    const info = await box.getInfo();
    assert.deepEqual([info.status, info.templateName, info.timeoutSeconds], ['running', 'base', 600]);
    assert.ok(info.resources.memoryMb > 0 && info.publicHost.startsWith('http://127.0.0.1:'));
  },
  pause: async () => {
    await box.pause();
    assert.equal((await box.getInfo()).status, 'paused');
    await box.resume();
  },
  resume: async () => {
    await box.resume(); // runs already
    await box.pause();
    await box.resume();
    assert.equal((await box.commands.run('echo back')).stdout, 'back\n');
  },
  kill: async () => {
    const made = await another();
    await made.kill();
    await assert.rejects(made.getInfo());
  },
  setTimeout: async () => {
    await box.setTimeout(900);
    assert.equal((await box.getInfo()).timeoutSeconds, 900);
  },
  getTimeToExpiry: async () => {
    const left = await box.getTimeToExpiry();
    assert.ok(left > 500 && left <= 900, String(left));
  },
  isExpiringSoon: async () => assert.equal(await box.isExpiringSoon(), false),
  getExpiryInfo: async () => assert.equal((await box.getExpiryInfo()).hasTimeout, true),
  startExpiryMonitor: async () => {
    const told = new Promise((done) => box.startExpiryMonitor(done, 100_000, 0.05));
    assert.ok((await told).timeToExpiry > 0);
    box.stopExpiryMonitor();
  },
  getHealth: async () => assert.equal((await box.getHealth()).status, 'healthy'),
  isHealthy: async () => assert.equal(await box.isHealthy(), true),
  ensureHealthy: async () => box.ensureHealthy(),
  refreshToken: async () => {
    await box.refreshToken(); // it goes on with the older token (contract 1.9)
    assert.equal((await box.commands.run('echo on')).stdout, 'on\n');
  },
  ensureValidToken: async () => box.ensureValidToken(),
  getToken: async () => assert.equal((await box.getToken()).split('.').length, 3),
  getAgentInfo: async () => assert.ok((await box.getAgentInfo()).agent_version),
  getAgentMetrics: async () => assert.ok((await box.getAgentMetrics()).requests_total > 0),
  getMetricsSnapshot: async () => assert.ok((await box.getMetricsSnapshot()).system.memory.total > 0),
  getJupyterSessions: async () => assert.ok(Array.isArray(await box.getJupyterSessions())),
  listSystemProcesses: async () => {
    const begun = await box.runCodeBackground('sleep 600', { language: 'bash' });
    const rows = await box.listSystemProcesses();
    assert.ok(rows.some((row) => row.process_id === begun.process_id && row.pid > 0));
    await box.killProcess(begun.process_id);
  },
  runCode: async () => {
    const shown = await box.runCode('class X:\n    def _repr_html_(self):\n        return "<b>x</b>"\nX()', { preflight: true });
    assert.deepEqual([shown.success, shown.html], [true, '<b>x</b>']);
    const ran = await box.runCode('echo $A $GREETING; pwd; exit 3', { language: 'bash', env: { A: '1' }, workingDir: '/' });
    assert.deepEqual([ran.stdout, ran.exitCode, ran.success], ['1 hello\n/\n', 3, false]);
  },
  runIpython: async () => {
    await box.runIpython('kept = 41');
    assert.equal((await box.runIpython('print(kept + 1)')).stdout, '42\n');
  },
  runCodeBackground: async () => {
    const begun = await box.runCodeBackground('pwd > bg.txt', { language: 'bash', name: 'job', workingDir: '/workspace' });
    assert.deepEqual([begun.status, begun.name], ['running', 'job']);
    await until(() => box.files.exists('/workspace/bg.txt'));
  },
  listProcesses: async () => {
    const begun = await box.runCodeBackground('print(1)', { name: 'listed' });
    const row = await until(async () => (await box.listProcesses())
      .find((one) => one.process_id === begun.process_id && one.status === 'completed'));
    assert.deepEqual([row.name, row.exit_code], ['listed', 0]);
  },
  killProcess: async () => {
    const begun = await box.runCodeBackground('sleep 600', { language: 'bash' });
    await box.killProcess(begun.process_id);
    const row = (await box.listProcesses()).find((one) => one.process_id === begun.process_id);
    assert.equal(row.status, 'killed');
  },
  runCodeAsync: async () => {
    await box.runCodeBackground(process.env.CLIENT_RECEIVER);
    await until(() => box.files.exists('/workspace/receiver.port'));
    const port = await box.files.read('/workspace/receiver.port');
    const queued = await box.runCodeAsync('print(6 * 7)', {
      callbackUrl: `http://127.0.0.1:${port}/hook`,
      callbackHeaders: { 'X-Custom': 'yes' },
      callbackSignatureSecret: process.env.CLIENT_SECRET,
    });
    assert.equal(queued.status, 'queued');
    await until(() => box.files.exists('/workspace/delivery.json'));
    fs.writeFileSync(path.join(folder, 'delivery.json'), await box.files.read('/workspace/delivery.json'));
  },
  runCodeStream: async () => {
    const code = 'import sys\nprint("a")\nprint("b", file=sys.stderr)\nsys.exit(3)';
    const seen = await collect(box.runCodeStream(code), (message) => message.type === 'complete');
    const text = (kind) => seen.filter((one) => one.type === kind).map((one) => one.data).join('');
    assert.deepEqual([text('stdout'), text('stderr')], ['a\n', 'b\n']);
    assert.equal(seen.find((one) => one.type === 'result').exit_code, 3);
    assert.equal(seen.at(-1).success, false);
  },
  watchFiles: async () => {
    await box.files.mkdir('/workspace/seen');
    let number = 0;
    const writing = setInterval(() => { box.files.write(`/workspace/seen/${number += 1}`, 'x'); }, 50);
    const seen = await collect(box.watchFiles('/workspace/seen'), () => true);
    clearInterval(writing);
    assert.equal(seen[0].type, 'change');
    assert.ok(seen[0].path.startsWith('/workspace/seen/'));
  },
  'commands.run': async () => {
    const ran = await box.commands.run('echo $GREETING $A | tr a-z A-Z; echo err >&2; exit 3', { env: { A: 'x' } });
    assert.deepEqual([ran.stdout, ran.stderr, ran.exit_code, ran.success], ['HELLO X\n', 'err\n', 3, false]);
    assert.ok((await box.commands.run('true', { background: true })).process_id.startsWith('cmd_'));
  },
  'commands.runBackground': async () => {
    assert.ok((await box.commands.runBackground('true')).process_id.startsWith('cmd_'));
  },
  'files.write': async () => {
    await box.files.write('/workspace/w/a b+c.txt', 'grüße\n', { mode: '0600' });
    assert.equal((await box.commands.run("stat -c %a 'w/a b+c.txt'; cat 'w/a b+c.txt'")).stdout, '600\ngrüße\n');
    await assert.rejects(box.files.write('/workspace/w/a b+c.txt', 'x', { overwrite: false }));
  },
  'files.read': async () => {
    await box.files.write('/workspace/read & %.txt', 'text\r\n世界');
    assert.equal(await box.files.read('/workspace/read & %.txt'), 'text\r\n世界');
    await assert.rejects(box.files.read('/workspace/none'), sdk.FileNotFoundError);
  },
  'files.writeBytes': async () => {
    await box.files.writeBytes('/workspace/bytes', Buffer.from([0, 255, 254]));
    assert.equal((await box.commands.run('od -An -tu1 bytes')).stdout.trim(), '0 255 254');
  },
  'files.readBytes': async () => {
    await box.files.writeBytes('/workspace/again', Buffer.from([0, 255, 254]));
    assert.deepEqual([...await box.files.readBytes('/workspace/again')], [0, 255, 254]);
  },
  'files.list': async () => {
    await box.files.write('/workspace/l/file', '12345');
    const [row] = await box.files.list('/workspace/l');
    assert.deepEqual([row.name, row.size, row.isFile, row.is_dir], ['file', 5, true, false]);
    assert.ok(!Number.isNaN(Date.parse(row.modifiedTime)));
  },
  'files.exists': async () => assert.deepEqual(
    [await box.files.exists('/workspace'), await box.files.exists('/workspace/none')], [true, false]),
  'files.remove': async () => {
    await box.files.write('/workspace/r/deep/file', '');
    await box.files.remove('/workspace/r');
    assert.equal(await box.files.exists('/workspace/r'), false);
  },
  'files.mkdir': async () => {
    await box.files.mkdir('/workspace/m/x/y');
    assert.equal(await box.files.exists('/workspace/m/x/y'), true);
  },
  'files.upload': async () => {
    fs.writeFileSync(path.join(folder, 'up'), Buffer.alloc(600_000, 1));
    await box.files.upload(path.join(folder, 'up'), '/workspace/up');
    assert.equal((await box.commands.run('wc -c < up')).stdout.trim(), '600000');
  },
  'files.download': async () => {
    await box.commands.run('head -c 300000 /dev/zero > zeros');
    assert.equal((await box.files.download('/workspace/zeros')).length, 300_000);
  },
  'env.getAll': async () => assert.equal((await box.env.getAll()).GREETING, 'hello'),
  'env.get': async () => assert.equal(await box.env.get('GREETING'), 'hello'),
  'env.setAll': async () => {
    const wanted = { GREETING: 'hello', API_KEY: 'not masked' };
    assert.deepEqual(await box.env.setAll(wanted), wanted);
  },
  'env.set': async () => {
    await box.env.set('ONE', '1 =');
    assert.equal((await box.commands.run('echo "$ONE"')).stdout, '1 =\n');
  },
  'env.update': async () => assert.equal((await box.env.update({ B: '2' })).GREETING, 'hello'),
  'env.delete': async () => {
    await box.env.delete('B');
    assert.equal((await box.env.getAll()).B, undefined);
  },
  'cache.stats': async () => assert.equal((await box.cache.stats()).cache.size, 0),
  'cache.clear': async () => assert.equal((await box.cache.clear()).success, true),
  'terminal.connect': async () => {
    // Of two outputs that come in one read the SDK loses the second (contract 3.6); never the exit, which waits.
    await until(async () => {
      const link = await box.terminal.connect();
      box.terminal.resize(link, 101, 31);
      box.terminal.sendInput(link, 'stty size; echo $((40+2))-$GREETING; exit 5\n');
      const seen = await collect(box.terminal.output(link), (message) => message.type === 'exit');
      assert.equal(seen.at(-1).code, 5);
      const text = seen.map((message) => message.data ?? '').join('');
      return text.includes('31 101') && text.includes('42-hello');
    });
  },
};
// One check shows several of them.
checks.stopExpiryMonitor = checks.startExpiryMonitor;
for (const name of ['sendInput', 'resize', 'output']) checks[`terminal.${name}`] = checks['terminal.connect'];
for (const name of ['files', 'commands', 'env', 'cache', 'terminal']) {
  checks[name] = async () => assert.ok(box[name]);
}

function operations() {
  const found = new Map();
  for (const [prefix, kind] of Object.entries(PARTS)) {
    for (const owner of [kind, kind.prototype]) {
      for (const name of Object.getOwnPropertyNames(owner)) {
        const described = Object.getOwnPropertyDescriptor(owner, name);
        const usable = typeof described.value === 'function' || described.get;
        if (usable && name !== 'constructor' && name !== 'prototype') {
          found.set(prefix ? `${prefix}.${name}` : name, [owner, name, described]);
        }
      }
    }
  }
  return found;
}

async function checked(name, [owner, key, described]) {
  if (!checks[name]) return 'there is no check of it';
  let used = false;
  const mark = (original) => function marked(...values) { used = true; return original.apply(this, values); };
  const spy = described.get ? { ...described, get: mark(described.get) } : { ...described, value: mark(described.value) };
  Object.defineProperty(owner, key, spy);
  try {
    const limit = new Promise((_, fail) => { setTimeout(() => fail(new Error('took longer than 30 s')), 30_000).unref(); });
    await Promise.race([checks[name](), limit]);
    return used ? null : 'the check of it does not use it';
  } catch (error) {
    return error.stack;
  } finally {
    Object.defineProperty(owner, key, described);
  }
}

async function main() {
  const results = {};
  box = await another({ envVars: { GREETING: 'hello' } });
  for (const [name, place] of operations()) {
    if (!EXCLUDED.has(name)) results[name] = await checked(name, place);
  }
  await box.kill();
  process.stdout.write(JSON.stringify(results));
  process.exit(0);
}
main().catch((error) => { process.stderr.write(`${error.stack}\n`); process.exit(1); });
