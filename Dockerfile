# The entry sws. The slim image has the C compiler that SQLite is built with.
FROM rust:1-slim-bookworm AS build
WORKDIR /build
COPY . .
RUN cargo build --release --locked --package sws-server --bin sws

FROM debian:bookworm-slim
COPY --from=build /build/target/release/sws /usr/local/bin/sws
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/sws"]
