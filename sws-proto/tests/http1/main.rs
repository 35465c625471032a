//! The HTTP/1.1 parser as a connection uses it: tables of requests and properties of all requests.

mod driver;
mod invalid;
mod limits;
mod properties;
mod reference;
mod smuggling;
mod splits;
mod valid;
