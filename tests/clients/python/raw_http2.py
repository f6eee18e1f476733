"""A client of gRPC that sends whatever it is told to: what a library of gRPC would refuse to send, too."""

import socket
from functools import partial

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamEnded, StreamReset, TrailersReceived
from h2.exceptions import ProtocolError

EMPTY_MESSAGE = bytes(5)
TIMEOUT_SECONDS = 30
RECEIVE_BYTES = 1 << 16


class RawHttp2:
    """One connection to a gRPC port, from one thread."""

    def __init__(self, grpc_address):
        host, port = grpc_address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=TIMEOUT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = H2Configuration(
            client_side=True,
            header_encoding=False,
            validate_inbound_headers=False,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
            split_outbound_cookies=False,
        )
        self.connection = H2Connection(config)
        # Huffman's code takes Python minutes for a long header.
        self.connection.encoder.encode = partial(self.connection.encoder.encode, huffman=False)
        self.connection.initiate_connection()
        # What was received of each stream that has not ended.
        self.received = {}
        self.ended = {}
        self.is_terminated = False
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def flush(self):
        try:
            self.socket.sendall(self.connection.data_to_send())
        except (BrokenPipeError, ConnectionResetError):
            pass  # The gateway has ended it; what it said before can still be read.

    def begin(self, path, headers):
        """Sends the head of a call, and gives its stream."""
        stream = self.connection.get_next_available_stream_id()
        usual = [
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", path),
            (b":authority", b"gateway"),
            (b"content-type", b"application/grpc"),
            (b"te", b"trailers"),
        ]
        self.received[stream] = {}
        self.connection.send_headers(stream, usual + headers)
        return stream

    def call(self, path, headers, message=EMPTY_MESSAGE):
        """Sends a whole call, and gives its stream."""
        stream = self.begin(path, headers)
        self.connection.send_data(stream, message, end_stream=True)
        return stream

    def send(self, stream, data, end=False):
        """Sends a part of a call's message, as fast as the gateway takes it."""
        frame = self.connection.max_outbound_frame_size
        while data:
            while not (window := min(self.connection.local_flow_control_window(stream), frame)):
                self.receive()
                assert not self.is_terminated, "the gateway has ended the connection"
            piece, data = data[:window], data[window:]
            self.connection.send_data(stream, piece, end_stream=end and not data)
            self.flush()

    def outcomes(self):
        """Waits for the end of all calls, and gives by stream the headers of each; `reset` among them when it was cut."""
        self.flush()
        while self.received and not self.is_terminated:
            self.receive()
        ended, self.ended = self.ended, {}
        # A connection that ends takes its calls along.
        ended.update({stream: headers | {b"reset": b"connection"} for stream, headers in self.received.items()})
        self.received.clear()
        return ended

    def receive(self):
        try:
            data = self.socket.recv(RECEIVE_BYTES)
            events = self.connection.receive_data(data) if data else []
        except (ConnectionError, ProtocolError):
            data, events = b"", []
        self.is_terminated |= not data
        for event in events:
            if isinstance(event, (ResponseReceived, TrailersReceived)):
                self.received[event.stream_id].update(dict(event.headers))
            elif isinstance(event, DataReceived):
                self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamReset):
                # The stream may have ended well before; what follows it is of no interest.
                if event.stream_id in self.received:
                    self.ended[event.stream_id] = self.received.pop(event.stream_id) | {b"reset": b"stream"}
            elif isinstance(event, StreamEnded):
                self.ended[event.stream_id] = self.received.pop(event.stream_id)
            elif isinstance(event, ConnectionTerminated):
                self.is_terminated = True
        if not self.is_terminated:
            self.flush()
