// A service in Node: `node service.js PORT WAY`; ways are plain, memory (2 KiB of each request) and
// descriptors (a file of each fortieth). Its page of metrics has the names of prom-client.
"use strict";
const fs = require("node:fs");
const http = require("node:http");
const v8 = require("node:v8");

const [port, way] = [Number(process.argv[2]), process.argv[3]];
const kept = [];
let requests = 0;

function metrics() {
  const memory = process.memoryUsage();
  const spaces = v8.getHeapSpaceStatistics().map(
    (space) =>
      `nodejs_heap_space_size_used_bytes{space="${space.space_name.replace("_space", "")}"} ${space.space_used_size}`,
  );
  return [
    "# TYPE process_resident_memory_bytes gauge",
    `process_resident_memory_bytes ${memory.rss}`,
    "# TYPE nodejs_heap_size_used_bytes gauge",
    `nodejs_heap_size_used_bytes ${memory.heapUsed}`,
    "# TYPE nodejs_external_memory_bytes gauge",
    `nodejs_external_memory_bytes ${memory.external}`,
    "# TYPE nodejs_heap_space_size_used_bytes gauge",
    ...spaces,
    "",
  ].join("\n");
}

http
  .createServer((request, response) => {
    if (request.url.startsWith("/metrics")) {
      response.end(metrics());
      return;
    }
    requests += 1;
    const garbage = Array.from({ length: 100 }, (_, n) => ({ n, text: `${n}-${requests}`.repeat(10) }));
    if (way === "memory") kept.push(new Array(256).fill(requests));
    if (way === "descriptors" && requests % 40 === 0) kept.push(fs.openSync("/dev/null"));
    response.end(garbage.length ? "ok" : "");
  })
  .listen(port, "127.0.0.1");
