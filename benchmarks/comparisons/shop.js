// The same shop in Fastify; CHANGE plants one change. node shop.js PORT
const { Pool } = require('pg');
const change = process.env.CHANGE || '';
const pool = new Pool({
  connectionString: process.env.DATABASE_URL, max: change === 'threads' ? 1 : 4,
});
const app = require('fastify')();
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const random = (below) => 1 + Math.floor(Math.random() * below);
const kept = [];
const rows = async (sql, ...values) => (await pool.query(sql, values)).rows;
let cached = null;

if (change === 'keep-alive') {
  app.addHook('onSend', async (request, reply) => { reply.header('connection', 'close'); });
}
app.get('/health', async () => 'ok');
app.get('/items/:id', async (request, reply) => {
  if (process.env.WAIT) await rows('select pg_sleep($1)', Number(process.env.WAIT)); // holds its connection
  if (change === 'sleep') await sleep(5);
  if (change === 'memory') kept.push(Buffer.alloc(60000, 7));
  if (change === 'errors' && Math.random() < 0.02) return reply.code(500).send({ error: 1 });
  return (await rows('select id, name, price from item where id = $1', request.params.id))[0];
});
app.get('/customers/:id/orders', async (request) =>
  rows('select id, total from ord where customer = $1 order by id limit 20', request.params.id));
app.get('/orders/:id', async (request) => {
  if (change !== 'n-plus-one') return rows('select id, quantity from line where ord = $1', request.params.id);
  const lines = [];
  for (const line of await rows('select id from line where ord = $1', request.params.id)) {
    lines.push((await rows('select id, quantity from line where id = $1', line.id))[0]);
  }
  return lines;
});
app.get('/report', async (request, reply) => {
  const sql = 'select id, name, price from item order by id limit 1500';
  if (change === 'tail') { // cached, and rebuilt slowly now and then
    if (!cached || Math.random() < 0.03) { await sleep(150); cached = JSON.stringify(await rows(sql)); }
    return reply.type('application/json').send(cached);
  }
  const found = await rows(sql);
  // Costlier JSON: each row is copied, sorted by its keys and written alone, as a careful serializer does.
  if (change === 'json') {
    const written = found.map((row) => JSON.stringify(JSON.parse(JSON.stringify(row)), Object.keys(row).sort()));
    return reply.type('application/json').send(`[${written.join(',')}]`);
  }
  return found;
});
app.post('/orders', async () => {
  await rows('insert into ord (customer, total) values ($1, 5)', random(20000));
  return { ok: 1 };
});
app.listen({ port: Number(process.argv[2]), host: '127.0.0.1' });
