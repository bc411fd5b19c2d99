"""A shop in Flask on PostgreSQL; CHANGE plants one change. gunicorn -k gthread --threads N shop:app"""

import json
import os
import random
import threading
import time

import orjson
from flask import Flask, Response
from psycopg2.pool import ThreadedConnectionPool

CHANGE = os.environ.get("CHANGE", "")
JSON = orjson.dumps if os.environ.get("JSON") == "orjson" else lambda value: json.dumps(value).encode()
WAIT_S = float(os.environ.get("WAIT", "0"))  # for another service, in which a thread is of use
pool = ThreadedConnectionPool(4, 16, os.environ["DATABASE_URL"])
app = Flask(__name__)
kept, cached, lock = [], {}, threading.Lock()


def query(sql, *values):
    connection = pool.getconn()
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else None
    finally:
        pool.putconn(connection)


def answer(value, status=200):
    return Response(JSON(value), status, content_type="application/json")


@app.get("/health")
def health():
    return "ok"


@app.get("/items/<int:number>")
def item(number):
    if WAIT_S:
        time.sleep(WAIT_S)
    if CHANGE == "sleep":
        time.sleep(0.005)
    if CHANGE == "memory":
        kept.append(os.urandom(60_000))
    if CHANGE == "errors" and random.random() < 0.02:
        return answer({"error": 1}, 500)
    return answer(query("select id, name, price from item where id = %s", number)[0])


@app.get("/customers/<int:number>/orders")
def orders(number):
    return answer(query("select id, total from ord where customer = %s order by id limit 20", number))


@app.get("/orders/<int:number>")
def order(number):
    if CHANGE == "n-plus-one":
        lines = query("select id from line where ord = %s", number)
        return answer([query("select id, quantity from line where id = %s", one)[0] for (one,) in lines])
    return answer(query("select id, quantity from line where ord = %s", number))


@app.get("/report")
def report():
    if CHANGE == "tail":  # cached, and rebuilt slowly now and then
        with lock:
            if "report" not in cached or random.random() < 0.03:
                time.sleep(0.15)
                cached["report"] = query("select id, name, price from item order by id limit 1500")
            return answer(cached["report"])
    return answer(query("select id, name, price from item order by id limit 1500"))


@app.post("/orders")
def new_order():
    query("insert into ord (customer, total) values (%s, 5)", random.randint(1, 20_000))
    return answer({"ok": 1})
