// A client of the engine that does what it is told, as `drive.py` does: a JSON object a line on standard
// input, and one on standard output for each.

import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const require = createRequire(`${process.env.GRAFEO_CLIENT}/`)
const { GrafeoDB } = require('@grafeo-db/js')

class Absent extends Error {}

const VALUES = [
  null,
  true,
  -1,
  9007199254740993n,
  0.5,
  1e308,
  '',
  'naïve \u{1f40d}\u0000\n',
  Buffer.from([0, 255]),
  [1, 'two', null, [3]],
  { a: 1, b: { c: [true] } },
  new Date(Date.UTC(2024, 1, 29, 12)),
  new Float32Array(8).fill(0.25),
  'x'.repeat(70000),
]
const LITERALS = ["DATE '2024-02-29'", "TIME '23:59:59'", "DURATION 'P1DT2H'", '1.0e-300']

const embedding = (number) => [Math.cos(number), Math.sin(number), number / 100, 1]

const FEATURES = {
  async values(db, number) {
    const kind = number % (VALUES.length + LITERALS.length)
    if (kind < VALUES.length) {
      await db.execute('INSERT (:V {k: $k, v: $v})', { k: number, v: VALUES[kind] })
    } else {
      await db.execute(`INSERT (:V {k: ${number}, v: ${LITERALS[kind - VALUES.length]}})`)
    }
  },
  async large(db, number) {
    const text = createHash('sha256').update(String(number)).digest('hex').repeat((10 * 2 ** 20) / 64)
    await db.execute('INSERT (:L {k: $k, v: $v})', { k: number, v: text })
  },
  async queries(db, number) {
    const first = Math.floor(number / 8) * 8
    const second = first + 1
    await db.execute(
      [
        `INSERT (:P {k: ${number}, name: 'n${number}'})`,
        `INSERT (:P:Q {k: ${number}, f: 1.5})`,
        `MATCH (a:P {k: ${first}}), (b:P {k: ${second}}) INSERT (a)-[:E {w: ${number}}]->(b)`,
        `MATCH (a:P {k: ${first}}) SET a.name = 'changed', a.n = ${number}`,
        `MATCH (a:P {k: ${second}}) REMOVE a.f`,
        `MATCH (a:P {k: ${first}}) SET a:R`,
        `INSERT (:P {k: ${number}})-[:F]->(:S {k: ${number}})`,
        `MATCH (a:P {k: ${second}}) DETACH DELETE a`,
      ][number % 8],
    )
  },
  async cypher(db, number) {
    await db.executeCypher(
      [
        `CREATE (:C {k: ${number}})-[:K {w: 1}]->(:D {k: ${number}})`,
        `MERGE (c:C {k: ${number - 1}}) SET c.seen = ${number}`,
        `UNWIND [1, 2, 3] AS i CREATE (:U {k: ${number}, i: i})`,
        `MATCH (d:D {k: ${number - 3}}) DETACH DELETE d`,
      ][number % 4],
    )
  },
  async direct(db, number) {
    const found = (await db.execute('MATCH (n:A) RETURN id(n) AS i ORDER BY i')).toArray()
    const made = found.map((row) => Number(row.i))
    const kind = number % 6
    if (kind < 2 || made.length < 2) {
      db.createNode(['A'], { k: number, name: `n${number}` })
    } else if (kind === 2) {
      db.createEdge(made.at(-2), made.at(-1), 'E', { w: number })
    } else if (kind === 3) {
      db.setNodeProperty(made.at(-1), 'v', number)
    } else if (kind === 4) {
      db.addNodeLabel(made.at(-1), 'B')
    } else {
      db.detachDeleteNode(made[0])
    }
  },
  async transactions(db, number) {
    const transaction = db.beginTransaction()
    await transaction.execute(`INSERT (:T {k: ${number}, part: 1})`)
    await transaction.execute(`MATCH (t:T {k: ${number}}) SET t.part = 2`)
    await transaction.execute(`INSERT (:T {k: ${number}, part: 3})`)
    transaction.commit()
  },
  async rollbacks(db, number) {
    const transaction = db.beginTransaction()
    await transaction.execute(`INSERT (:T {k: ${number}})`)
    if (number % 2 === 0) transaction.rollback()
    else transaction.commit()
  },
  async schema(db, number) {
    await db.execute(
      [
        `CREATE NODE TYPE N${number} (name STRING NOT NULL)`,
        `INSERT (:N${number - 1} {name: 'a'})`,
        `CREATE EDGE TYPE E${number} (w INT64)`,
        `CREATE INDEX idx_${number} FOR (n:N${number - 3}) ON (n.name)`,
        `CREATE GRAPH TYPE G${number} (NODE TYPE X (a INT64))`,
        `CREATE SCHEMA s${number}`,
        `DROP NODE TYPE N${number - 6}`,
      ][number % 7],
    )
  },
  async graphs(db, number) {
    if (number % 4 === 0) await db.execute(`CREATE GRAPH g${number}`)
    else if (number % 4 === 3 && number > 4) await db.execute(`DROP GRAPH g${number - 7}`)
    else await db.graph(`g${Math.floor(number / 4) * 4}`).execute(`INSERT (:G {k: ${number}})`)
  },
  async sparql(db, number) {
    await db.executeSparql(
      [
        `INSERT DATA { <http://e/s${number}> <http://e/p> "o${number}"@en }`,
        `INSERT DATA { GRAPH <http://e/g> { <http://e/s${number}> <http://e/p> ${number} } }`,
        `DELETE DATA { <http://e/s${number - 2}> <http://e/p> "o${number - 2}"@en }`,
        `INSERT DATA { <http://e/s${number}> <http://e/q> true }`,
      ][number % 4],
    )
  },
  async vectors(db, number) {
    if (number === 1) await db.createVectorIndex('W', 'emb', 4)
    else if (number % 3 === 2) await db.batchCreateNodes('W', 'emb', [embedding(number), embedding(number + 0.5)])
    else {
      await db.execute('INSERT (:W {k: $k, emb: $e})', { k: number, e: embedding(number) })
    }
  },
  async texts(db, number) {
    if (number === 1) await db.createTextIndex('X', 'text')
    else await db.execute(`INSERT (:X {k: ${number}, text: 'word${number} common'})`)
  },
  async bulk(db, number) {
    const rows = Array.from({ length: 50 }, (_, row) => ({ id: `r${number}-${row}`, v: row }))
    if (number % 2 === 0) await db.batchCreateNodesWithProps('B', rows)
    else await db.upsertNodes(['B'], [{ ...rows[0], v: -1 }, { id: `new${number}` }])
  },
  async compact(db, number) {
    if (number === 3) db.compact()
    else if (number % 2 === 0) await db.execute(`INSERT (:M {k: ${number}})`)
    else db.createNode(['M'], { k: number })
  },
  async spilled() {
    throw new Absent('section tiers')
  },
}

/** A value as JSON that says its type. */
function plain(value) {
  if (value === null || value === undefined) return null
  if (typeof value === 'bigint') return { bigint: String(value) }
  if (typeof value === 'string' && value.length > 200) {
    return `${value.length}:${createHash('sha256').update(value).digest('hex')}`
  }
  if (typeof value !== 'object') return Object.is(value, -0) ? { number: '-0' } : value
  if (value instanceof Date) return { date: value.toISOString() }
  if (Buffer.isBuffer(value)) return { bytes: value.toString('hex') }
  if (ArrayBuffer.isView(value) || Array.isArray(value)) return Array.from(value, plain)
  const own = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))
  return Object.fromEntries(own.map(([key, item]) => [key, plain(item)]))
}

function rows(result) {
  const found = result.toArray().map(plain)
  return found.sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1))
}

const NODES = 'MATCH (n) RETURN id(n) AS id, labels(n) AS labels, properties(n) AS props'
const EDGES =
  'MATCH (a)-[e]->(b) RETURN id(e) AS id, id(a) AS `from`, id(b) AS `to`, type(e) AS type, properties(e) AS props'

async function graph(db) {
  const nodes = rows(await db.execute(NODES))
  for (const node of nodes) node.labels.sort()
  return { nodes, edges: rows(await db.execute(EDGES)) }
}

async function dump(db, feature) {
  const held = { graph: await graph(db) }
  const part = async (name, read) => {
    try {
      held[name] = await read()
    } catch (error) {
      held[name] = { error: String(error.message).split('\n')[0].slice(0, 120) }
    }
  }
  if (feature === 'graphs') {
    await part('graphs', async () => {
      const found = {}
      for (const row of (await db.execute('SHOW GRAPHS')).toArray()) {
        const name = String(Object.values(row)[0])
        found[name] = await graph(db.graph(name))
      }
      return found
    })
  }
  if (feature === 'sparql') {
    await part('triples', async () => rows(await db.executeSparql('SELECT ?s ?p ?o WHERE { ?s ?p ?o }')))
    await part('quads', async () => rows(await db.executeSparql('SELECT ?g ?s ?p ?o WHERE { GRAPH ?g { ?s ?p ?o } }')))
  }
  if (feature === 'schema') {
    for (const what of ['NODE TYPES', 'EDGE TYPES', 'GRAPH TYPES', 'INDEXES', 'CONSTRAINTS', 'SCHEMAS']) {
      await part(what, async () => rows(await db.execute(`SHOW ${what}`)))
    }
  }
  if (feature === 'vectors') {
    await part('near', async () => {
      const found = await db.vectorSearch('W', 'emb', embedding(3), 1000)
      return found.map((hit) => JSON.stringify(plain(hit)).replace(/(\.\d{4})\d+/g, '$1')).sort()
    })
  }
  if (feature === 'texts') {
    await part('matching', async () => {
      const found = await db.textSearch('X', 'common', 1000)
      return found.map((hit) => JSON.stringify(plain(Array.isArray(hit) ? hit[0] : (hit.id ?? hit.nodeId)))).sort()
    })
  }
  return held
}

let db = null
let feature = null
const COMMANDS = {
  async open(words) {
    feature = words.feature
    if (feature === 'spilled') throw new Absent('section tiers')
    db = GrafeoDB.create(words.path)
  },
  async step(words) {
    await FEATURES[feature](db, words.number)
  },
  async run(words) {
    for (const statement of words.statements) await db.execute(statement)
  },
  async tick(words) {
    await db.execute(`INSERT (:Tick {k: ${words.number}})`)
  },
  async checkpoint() {
    db.walCheckpoint()
  },
  async close() {
    db.close()
    db = null
  },
  async dump() {
    return { epoch: Number(db.currentEpoch()), held: await dump(db, feature) }
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const words = JSON.parse(line)
  let answer
  try {
    answer = { ok: (await COMMANDS[words.do](words)) ?? null }
  } catch (error) {
    const text = `${error.name}: ${error.message}`.split('\n')[0].slice(0, 300)
    answer = error instanceof Absent ? { absent: text } : { error: text }
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
