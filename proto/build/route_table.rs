//! Makes one const table of all RPCs and one of all HTTP routes, from the options on the RPCs. Unary and stream of one
//! thing share a route. An RPC without `access` fails the build by name.

use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, Value};
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write;

use crate::text::{leading_comment, lower_camel};

struct RpcRow {
    name: String,
    path: String,
    service: String,
    streams: bool,
    access: String,
}

struct Route {
    method: &'static str,
    path: String,
    variant: String,
    rpcs: Vec<String>,
    summary: String,
}

pub(crate) fn generate(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let access_option = pool.get_extension_by_name("chatgateway.v1.access").ok_or("option access is missing")?;
    let http_option = pool.get_extension_by_name("google.api.http").ok_or("option google.api.http is missing")?;

    let mut rpcs: Vec<RpcRow> = Vec::new();
    let mut routes: Vec<Route> = Vec::new();
    let mut seen = BTreeSet::new();
    for service in pool.services().filter(|service| service.package_name() == "chatgateway.v1") {
        for method in service.methods() {
            let name = method.name().to_owned();
            if !seen.insert(name.clone()) {
                return Err(format!("two RPCs are named {name}").into());
            }
            let options = method.options();
            if !options.has_extension(&access_option) {
                return Err(format!("{} does not say who may call it (option access)", method.full_name()).into());
            }
            let access = access(options.get_extension(&access_option).as_message(), &method)?;
            let path = format!("/{}/{name}", service.full_name());
            let service = service.full_name().to_owned();
            rpcs.push(RpcRow { name: name.clone(), path, service, streams: method.is_server_streaming(), access });

            if options.has_extension(&http_option) {
                let rule = options.get_extension(&http_option);
                let rule = rule.as_message().ok_or("google.api.http is not a message")?;
                add_routes(&mut routes, rule, &method)?;
            }
        }
    }
    render(&rpcs, &routes)
}

fn access(rule: Option<&DynamicMessage>, method: &MethodDescriptor) -> Result<String, Box<dyn Error>> {
    let mut scopes: Vec<&str> = Vec::new();
    for (field, value) in rule.into_iter().flat_map(|rule| rule.fields()) {
        match (field.name(), value) {
            ("public", Value::Bool(true)) => return Ok("Access::Public".to_owned()),
            ("authenticated", Value::Bool(true)) => return Ok("Access::Authenticated".to_owned()),
            ("scope" | "and_scope", Value::String(scope)) if !scope.is_empty() => scopes.push(scope),
            _ => {}
        }
    }
    if scopes.is_empty() {
        return Err(format!("{}: access must be public, authenticated or a scope", method.full_name()).into());
    }
    Ok(format!("Access::Scopes(&{scopes:?})"))
}

fn add_routes(routes: &mut Vec<Route>, rule: &DynamicMessage, method: &MethodDescriptor) -> Result<(), Box<dyn Error>> {
    let service = method.parent_service();
    let comment_path: Vec<i32> = service.path().iter().copied().chain([2, i32::try_from(method.index())?]).collect();
    let comment = leading_comment(&service.parent_file(), &comment_path)
        .ok_or_else(|| format!("{} has no comment", method.full_name()))?;

    let (http_method, path) = pattern(rule).ok_or_else(|| format!("{} has no pattern", method.full_name()))?;
    add_route(routes, http_method, path, method.name().to_owned(), method.name(), &comment);
    let additional = rule.get_field_by_name("additional_bindings");
    for binding in additional.iter().filter_map(|value| value.as_list()).flatten().filter_map(Value::as_message) {
        let (http_method, path) = pattern(binding).ok_or("an additional binding has no pattern")?;
        // A further face is named after the RPC and its last path segment: listModels at /v1/info is listModelsInfo.
        let segment = path.rsplit('/').next().unwrap_or_default().to_owned();
        let (first, rest) = segment.split_at(segment.len().min(1));
        let variant = format!("{}{}{rest}", method.name(), first.to_uppercase());
        add_route(routes, http_method, path, variant, method.name(), &comment);
    }
    Ok(())
}

fn add_route(routes: &mut Vec<Route>, method: &'static str, path: String, variant: String, rpc: &str, summary: &str) {
    match routes.iter_mut().find(|route| route.method == method && route.path == path) {
        Some(route) => route.rpcs.push(rpc.to_owned()),
        None => routes.push(Route { method, path, variant, rpcs: vec![rpc.to_owned()], summary: summary.to_owned() }),
    }
}

fn pattern(rule: &DynamicMessage) -> Option<(&'static str, String)> {
    [("get", "GET"), ("put", "PUT"), ("post", "POST"), ("delete", "DELETE"), ("patch", "PATCH")].into_iter().find_map(
        |(field, method)| {
            let path = rule.get_field_by_name(field)?.as_str()?.to_owned();
            (!path.is_empty()).then_some((method, path))
        },
    )
}

fn render(rpcs: &[RpcRow], routes: &[Route]) -> Result<String, Box<dyn Error>> {
    let mut out = String::new();
    let count = rpcs.len();
    writeln!(
        out,
        "/// Every RPC of the gateway.\n#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]"
    )?;
    writeln!(out, "pub enum Rpc {{")?;
    for RpcRow { name, path, .. } in rpcs {
        writeln!(out, "/// `{}`", path.trim_start_matches('/'))?;
        writeln!(out, "{name},")?;
    }
    writeln!(out, "}}\nstatic RPCS: [Rpc; {count}] = [")?;
    for RpcRow { name, .. } in rpcs {
        writeln!(out, "Rpc::{name},")?;
    }
    writeln!(out, "];\nstatic RPC_FACTS: [RpcFacts; {count}] = [")?;
    for RpcRow { name, path, service, streams, access } in rpcs {
        writeln!(
            out,
            "RpcFacts {{ name: {name:?}, path: {path:?}, service: {service:?}, streams: {streams}, access: {access} }},"
        )?;
    }
    let count = routes.len();
    writeln!(out, "];\n/// Every HTTP route that has an RPC behind it.")?;
    writeln!(out, "#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]\npub enum Operation {{")?;
    for route in routes {
        writeln!(out, "/// `{} {}`\n{},", route.method, route.path, route.variant)?;
    }
    writeln!(out, "}}\nstatic OPERATIONS: [Operation; {count}] = [")?;
    for route in routes {
        writeln!(out, "Operation::{},", route.variant)?;
    }
    writeln!(out, "];\nstatic OPERATION_FACTS: [OperationFacts; {count}] = [")?;
    for route in routes {
        let rpcs: String = route.rpcs.iter().map(|rpc| format!("Rpc::{rpc},")).collect();
        writeln!(
            out,
            "OperationFacts {{ id: {:?}, method: {:?}, path: {:?}, rpcs: &[{rpcs}], description: {:?} }},",
            lower_camel(&route.variant),
            route.method,
            route.path,
            route.summary,
        )?;
    }
    writeln!(out, "];")?;
    Ok(out)
}
