"""An OpenTelemetry collector that notes all that it is sent, by OTLP over gRPC."""

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from programs import wait_until


class Noted:
    """A span as the tests look at it."""

    def __init__(self, resource, scope, span):
        self.service = attributes_of(resource)["service.name"]
        self.resource, self.scope = attributes_of(resource), scope.name
        self.name, self.kind = span.name, Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_")
        self.trace_id, self.id, self.parent = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
        self.begin, self.end = span.start_time_unix_nano, span.end_time_unix_nano
        self.trace_state = span.trace_state
        self.attributes = attributes_of(span)
        self.has_failed = span.status.code == Status.STATUS_CODE_ERROR

    def __repr__(self):
        return f"<{self.service}: {self.name} {self.attributes}>"


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    def __enter__(self):
        self.spans, self.bytes, self.metadata = [], [], []
        self.lock = threading.Lock()
        self.server = grpc.server(ThreadPoolExecutor(4))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self.server)
        self.url = "http://127.0.0.1:{}".format(self.server.add_insecure_port("127.0.0.1:0"))
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.stop(0).wait()

    def Export(self, request, context):
        with self.lock:
            self.bytes.append(request.SerializeToString())
            self.metadata.append(dict(context.invocation_metadata()))
            for of_resource in request.resource_spans:
                for of_scope in of_resource.scope_spans:
                    noted = (Noted(of_resource.resource, of_scope.scope, span) for span in of_scope.spans)
                    self.spans.extend(noted)
        return trace_service_pb2.ExportTraceServiceResponse()

    def trace(self, trace_id, *names):
        """The spans of a trace, in the order in which they began, once one of each name is there."""

        def whole():
            with self.lock:
                spans = [span for span in self.spans if span.trace_id == trace_id]
            missing = list(names)
            for span in spans:
                if span.name in missing:
                    missing.remove(span.name)
            return None if missing else sorted(spans, key=lambda span: span.begin)

        return wait_until(whole, f"the spans {names} among {self.spans}", 20)


def attributes_of(message):
    return {attribute.key: value_of(attribute.value) for attribute in message.attributes}


def value_of(value):
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [value_of(each) for each in value.array_value.values]
    return getattr(value, kind)
