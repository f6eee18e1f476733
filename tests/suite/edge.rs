//! The edge as an HTTP server.

mod bodies;
mod connections;
mod cors;
mod ending;
mod pages;
mod routes;
