// RFC 9110 section 12.5.3: gzip is acceptable when it (or `*`) is listed with a
// weight above zero, and used when no less wanted than the plain body.

export function wantsGzip(header) {
  if (header === undefined) return false;
  if (header === "gzip" || header === "gzip, br") return true;
  const weights = new Map();
  for (const element of header.split(",")) {
    const [coding, ...parameters] = element.split(";");
    weights.set(coding.trim().toLowerCase(), quality(parameters));
  }
  const gzip = weights.get("gzip") ?? weights.get("x-gzip") ?? weights.get("*") ?? 0;
  return gzip > 0 && gzip >= (weights.get("identity") ?? 0);
}

function quality(parameters) {
  for (const parameter of parameters) {
    const [name, value] = parameter.split("=");
    if (name.trim().toLowerCase() === "q") {
      return Number(value) || 0;
    }
  }
  return 1;
}
