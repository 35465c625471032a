// `/baseline11`: the one thing that nginx cannot do by configuration alone. For
// njs, which is what nginx calls its JavaScript.

const INTEGER = /^[+-]?\d+$/;

function integer(text) {
    return INTEGER.test(text) ? Number(text) : 0;
}

function answer(r) {
    const reading = r.method === 'GET' || r.method === 'HEAD';
    if (!reading && r.method !== 'POST') {
        r.headersOut['Allow'] = 'GET, HEAD, POST';
        r.return(405, 'method not allowed');
        return;
    }
    let sum = 0;
    for (const name in r.args) {
        // A parameter that is repeated is a list.
        [].concat(r.args[name]).forEach((value) => {
            sum += integer(value);
        });
    }
    if (!reading) {
        sum += integer((r.requestText || '').trim());
    }
    r.return(200, String(sum));
}

export default { answer };
