"""Makes Python of the protos, as a team that calls the gateway over gRPC would."""

import importlib
import sys
from importlib.metadata import files
from importlib.resources import as_file
from importlib.resources import files as resources

from grpc_tools import protoc

from programs import REPOSITORY

PROTO = REPOSITORY / "proto"


def published_protos():
    """The folder with the google/api and google/rpc protos of the package googleapis-common-protos."""
    (http,) = [file for file in files("googleapis-common-protos") if str(file) == "google/api/http.proto"]
    return http.locate().parents[2]


def protoc_includes():
    """The folder of protobuf's own protos, google/protobuf/descriptor.proto among them."""
    return as_file(resources("grpc_tools") / "_proto")


def generate(folder):
    """Generates the client into a folder and gives its modules by name, as in `chat_service_pb2`.

    The google protos come from their own package. Ours are a minimal copy for the gateway's build: a client that
    generated them as well would register the same types twice.
    """
    sources = sorted((PROTO / "chatgateway" / "v1").glob("*.proto"))
    with protoc_includes() as includes:
        code = protoc.main(
            [
                "protoc",
                f"--proto_path={published_protos()}",
                f"--proto_path={includes}",
                f"--proto_path={PROTO}",
                f"--python_out={folder}",
                f"--grpc_python_out={folder}",
                *(str(source) for source in sources),
            ]
        )
    assert code == 0, "protoc refused the protos"
    assert not (folder / "google").exists()
    sys.path.insert(0, str(folder))
    names = [path.stem for path in (folder / "chatgateway" / "v1").glob("*_pb2*.py")]
    return {name: importlib.import_module(f"chatgateway.v1.{name}") for name in names}
