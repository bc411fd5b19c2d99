"""The scenario, and the small programs of the services in which a limit is planted."""

from __future__ import annotations


def visits(path: str, wait_s: float = 0.3) -> str:
    """Users who ask for one page, and rest for up to twice `wait_s` in between."""
    return f"""
from locust import FastHttpUser, between, task

class Visitor(FastHttpUser):
    wait_time = between(0, {2 * wait_s})  # all that are answered at once must not rest at once

    @task
    def visit(self):
        self.client.get("{path}")
"""


DJANGO = """
import os, time, django
from django.conf import settings

settings.configure(
    DEBUG=False, SECRET_KEY="x", ROOT_URLCONF="site_app", ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres",
                           "HOST": "127.0.0.1", "PORT": os.environ.get("PG_PORT", "1"), "CONN_MAX_AGE": 60}},
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
)
django.setup()
from django.core.wsgi import get_wsgi_application
from django.db import connection, transaction
from django.http import HttpResponse
from django.template import engines
from django.urls import path

PAGE = engines["django"].from_string(
    "{% for row in rows %}<li>{{ row.name|upper }}: {{ row.price|floatformat:2 }}</li>{% endfor %}"
)

def query(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.03)")
    return HttpResponse("asked")

def page(request):
    rows = [{"name": f"item {n}", "price": n / 3} for n in range(500)]
    return HttpResponse(PAGE.render({"rows": rows}))

def order(request):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE stock SET n = n - 1 WHERE id = 1")
        time.sleep(0.02)
    return HttpResponse("ordered")

def write(request):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO visits (agent) VALUES (%s)", ["x" * 200])
    return HttpResponse("written")

def light(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT n FROM stock WHERE id = 1")
        return HttpResponse(str(cursor.fetchone()))

urlpatterns = [path("query", query), path("page", page), path("order", order), path("write", write),
               path("light", light)]
application = get_wsgi_application()
"""
TABLES = """
CREATE TABLE stock (id INT PRIMARY KEY, n INT);
INSERT INTO stock SELECT i, 1000000 FROM generate_series(1, 100) AS i;
CREATE TABLE visits (id SERIAL PRIMARY KEY, agent TEXT);
"""
FASTIFY = """
const app = require('fastify')();
const { Pool } = require('pg');
const pool = new Pool({ host: '127.0.0.1', port: Number(process.env.PG_PORT || 1), user: 'postgres',
                        database: 'postgres', max: Number(process.env.POOL || 10) });
app.get('/compute', async () => { let s = 0; for (let i = 0; i < 1.2e7; i++) s += i % 7; return { s }; });
app.get('/query', async () => (await pool.query('SELECT pg_sleep(0.03), 1 AS n')).rows);
app.get('/light', async () => ({ hello: 'world' }));
app.listen({ port: Number(process.argv[2]), host: '127.0.0.1' });
"""
GO = """
package main

import (
	"encoding/json"
	"net/http"
	"os"
	"sort"
)

func main() {
	http.HandleFunc("/sort", func(w http.ResponseWriter, r *http.Request) {
		numbers := make([]int, 120000)
		for i := range numbers {
			numbers[i] = (i * 7919) % 120011
		}
		sort.Ints(numbers)
		json.NewEncoder(w).Encode(numbers[:10])
	})
	http.HandleFunc("/light", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(map[string]string{"hello": "world"})
	})
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
"""
JAVA = """
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;

public class Cached {
    static final List<byte[]> cache = new ArrayList<>();

    public static void main(String[] args) throws Exception {
        int port = Integer.parseInt(args[0]), cached = Integer.parseInt(args[1]);
        for (int i = 0; i < cached * 16; i++) cache.add(new byte[64 << 10]);
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 200);
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.createContext("/", exchange -> {
            List<String> rows = new ArrayList<>();
            for (int i = 0; i < 5000; i++) rows.add("row " + i + " of " + exchange.getRequestURI());
            byte[] body = String.join("\\n", rows).getBytes();
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
    }
}
"""
STARLETTE = """
import time
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

def work():
    return sum(i % 7 for i in range(600_000))

async def compute(request):  # as whoever calls something synchronous in an async function
    return PlainTextResponse(str(work()))

async def blocked(request):  # a synchronous query, mail or sleep
    time.sleep(0.03)
    return PlainTextResponse("slept")

def threads(request):  # Starlette runs it in a pool of threads
    return PlainTextResponse(str(work()))

app = Starlette(routes=[Route("/compute", compute), Route("/blocked", blocked),
                        Route("/threads", threads)])
"""
WITH_REDIS = """
const app = require('fastify')();
const Redis = require('ioredis');
const redis = new Redis(Number(process.env.REDIS_PORT));
const numbers = Array.from({ length: 240000 }, (_, i) => (i * 7919) % 60013);
app.get('/sorted', async () => ({ least: await redis.sort('numbers', 'LIMIT', 0, 1) }));
const address = { port: Number(process.argv[2]), host: '127.0.0.1' };
redis.rpush('numbers', ...numbers).then(() => app.listen(address));
"""
