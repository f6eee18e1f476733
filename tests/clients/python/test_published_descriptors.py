"""What we declare of google.api and google.rpc in our own words says the same as the published files."""

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

from generated_client import PROTO, protoc_includes, published_protos

FILES = ["google/api/http.proto", "google/api/annotations.proto", "google/rpc/code.proto"]


def descriptors(root, target):
    """The descriptors of the files under a folder, by their names."""
    with protoc_includes() as includes:
        code = protoc.main(
            ["protoc", f"--proto_path={root}", f"--proto_path={includes}", f"--descriptor_set_out={target}", *FILES]
        )
    assert code == 0
    return {file.name: file for file in FileDescriptorSet.FromString(target.read_bytes()).file}


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return descriptors(PROTO, tmp_path_factory.mktemp("ours") / "set")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return descriptors(published_protos(), tmp_path_factory.mktemp("published") / "set")


def facts(file):
    """Everything in a file that shows on the wire or in JSON, each under its full name."""
    found = {}

    def add_field(scope, field, oneofs):
        oneof = oneofs[field.oneof_index].name if field.HasField("oneof_index") else None
        found[f"{scope}.{field.name}"] = (
            field.number, field.type, field.label, field.type_name, field.json_name, field.extendee, oneof
        )  # fmt: skip

    def add_enum(scope, enum):
        for value in enum.value:
            found[f"{scope}.{enum.name}.{value.name}"] = value.number

    def add_message(scope, message):
        name = f"{scope}.{message.name}"
        for field in [*message.field, *message.extension]:
            add_field(name, field, message.oneof_decl)
        for enum in message.enum_type:
            add_enum(name, enum)
        for nested in message.nested_type:
            add_message(name, nested)

    for extension in file.extension:
        add_field(file.package, extension, [])
    for enum in file.enum_type:
        add_enum(file.package, enum)
    for message in file.message_type:
        add_message(file.package, message)
    return found


@pytest.mark.parametrize("name", FILES)
def test_what_we_declare_is_what_is_published(ours, published, name):
    assert (ours[name].package, ours[name].syntax) == (published[name].package, published[name].syntax)
    declared, known = facts(ours[name]), facts(published[name])
    assert declared
    assert {full_name: known.get(full_name) for full_name in declared} == declared


def test_the_status_codes_are_complete(ours, published):
    assert facts(ours["google/rpc/code.proto"]) == facts(published["google/rpc/code.proto"])
