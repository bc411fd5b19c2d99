"""Calls over gRPC: every call of any generated client becomes a request, by an interceptor.

Needs grpcio-health-checking, whose client stands for the one that is generated from your .proto:

    loadproof run examples/grpc_locustfile.py --host 127.0.0.1:50051 --users 20 --run-time 1m
"""

import time

import grpc
import grpc.experimental.gevent
from grpc_health.v1 import health_pb2, health_pb2_grpc
from locust import User, between, task

grpc.experimental.gevent.init_gevent()


class Counted(grpc.UnaryUnaryClientInterceptor):
    """Tells Locust of each call, with its time and its error."""

    def __init__(self, events):
        self.events = events

    def intercept_unary_unary(self, continuation, details, request):
        began = time.perf_counter()
        answer, failed = None, None
        try:
            answer = continuation(details, request)
            length = answer.result().ByteSize()
        except grpc.RpcError as error:
            failed, length = error, 0
        self.events.request.fire(
            request_type="gRPC",
            name=details.method,
            response_time=(time.perf_counter() - began) * 1000,
            response_length=length,
            exception=failed,
        )
        return answer


class HealthUser(User):
    wait_time = between(0.5, 1.5)

    def on_start(self):
        self.channel = grpc.intercept_channel(
            grpc.insecure_channel(self.host), Counted(self.environment.events)
        )
        self.health = health_pb2_grpc.HealthStub(self.channel)

    @task
    def check(self):
        self.health.Check(health_pb2.HealthCheckRequest(service=""), timeout=5)
