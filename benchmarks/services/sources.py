"""The scenario, and the programs of the services that are loaded with it."""

from __future__ import annotations

LOCUSTFILE = """
import os

from locust import FastHttpUser, constant, task

class Visitor(FastHttpUser):
    wait_time = constant(0.02)

    @task
    def visit(self):
        self.client.get(os.environ["VISIT"])
"""
WSGI = """
import os, django
from django.conf import settings

settings.configure(
    DEBUG=False, SECRET_KEY="x", ROOT_URLCONF="site_app", ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres",
                           "HOST": "127.0.0.1", "PORT": os.environ["PG_PORT"],
                           "CONN_MAX_AGE": 60}},
)
django.setup()
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpResponse
from django.urls import path

def index(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(n) FROM generate_series(1, 2000) AS n")
        return HttpResponse(str(cursor.fetchone()[0]))

urlpatterns = [path("", index)]
application = get_wsgi_application()
"""
NODE = """
const cluster = require('node:cluster');
if (cluster.isPrimary) {
  for (let i = 0; i < 2; i++) cluster.fork();
} else {
  const app = require('fastify')({ logger: true });
  app.get('/', async () => { let s = 0; for (let i = 0; i < 2e5; i++) s += i; return { s }; });
  app.listen({ port: Number(process.argv[2]), host: '127.0.0.1' });
}
"""
GO = """
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s := 0
		for i := 0; i < 2000000; i++ {
			s += i % 7
		}
		fmt.Fprintln(w, s)
		log.Println(r.Method, r.URL)
	})
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
"""
JAVA = """
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;

public class Shop {
    public static void main(String[] args) throws Exception {
        int port = Integer.parseInt(args[0]);
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 64);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.createContext("/", exchange -> {
            long s = 0;
            for (int i = 0; i < 500000; i++) s += i % 7;
            byte[] body = Long.toString(s).getBytes();
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
            System.out.println(exchange.getRequestMethod() + " " + exchange.getRequestURI());
        });
        server.start();
    }
}
"""
PHP = """<?php
$db = new mysqli('localhost', 'root', '', 'shop', 0, getenv('DB_SOCKET'));
$found = $db->query('SELECT SUM(n) AS n FROM stock')->fetch_assoc();
for ($i = 0, $s = 0; $i < 20000; $i++) { $s += $i; }
echo $found['n'] + $s;
"""
