import { RequestRefused } from '../errors.ts';

const FORM = 'application/x-www-form-urlencoded';
const MOST_BYTES = 16 * 1024;

/**
 * The parameters that this request's body carries as a form. Throws RequestRefused (BAD_REQUEST) when it is none, too
 * long, or names a parameter twice. What stands in the URL is not looked at: URLs are logged on their way.
 * Source: RFC 6749, section 3.2 and appendix B.
 */
export async function readForm(request: Request): Promise<URLSearchParams> {
  const mediaType = request.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  if (mediaType !== FORM) throw new RequestRefused('BAD_REQUEST', `The Content-Type must be ${FORM}.`);
  const form = new URLSearchParams(request.body ? await readBody(request.body) : '');
  const names = [...form.keys()];
  if (new Set(names).size < names.length) {
    throw new RequestRefused('BAD_REQUEST', 'A parameter must not be sent more than once.');
  }
  return form;
}

async function readBody(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of body) {
      length += chunk.length;
      // What is too long is read to its end and dropped: a connection left in its middle serves no other request.
      if (length <= MOST_BYTES) chunks.push(chunk);
    }
  } catch {
    throw new RequestRefused('BAD_REQUEST', 'The body could not be read to its end.');
  }
  if (length > MOST_BYTES) {
    throw new RequestRefused('BAD_REQUEST', `The body must not be longer than ${MOST_BYTES} bytes.`);
  }
  return Buffer.concat(chunks).toString();
}
