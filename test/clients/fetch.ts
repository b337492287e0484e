import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { print } from 'graphql';
import { authorization, noticeRefusal, type Session } from './session.ts';

interface Answer<Data> {
  data?: Data;
  errors?: Refusal[];
}

interface Refusal {
  message: string;
  extensions?: { code?: string };
}

/** With a code it is the API that refuses; without one it is not the API that answers. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string | undefined;

  constructor(status: number, error?: Refusal) {
    super(error?.message ?? `HTTP ${status}`);
    this.status = status;
    this.code = error?.extensions?.code;
  }
}

export async function ask<Data, Variables>(
  url: string,
  session: Session,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...authorization(session) },
    body: JSON.stringify({ query: print(document), variables }),
  });
  const { data, errors = [] } = (await response.json().catch(() => ({}))) as Answer<Data>;
  if (data && errors.length === 0) return data;
  const refused = new Refused(response.status, errors[0]);
  noticeRefusal(session, refused.code);
  throw refused;
}
