import {
  type FieldError,
  InvalidCredentialsError,
  InvalidTokenError,
  ScopeNotGrantedError,
  TokenNameTakenError,
  TokenNotFoundError,
  UsernameTakenError,
  ValidationError,
} from '../accounts/failures.ts';
import { builder } from './builder.ts';

const ErrorInterface = builder.interfaceRef<Error>('Error').implement({
  description: 'A failure that a caller can expect, returned as data.',
  fields: (t) => ({
    message: t.exposeString('message', { description: 'What went wrong, in words for a person.' }),
  }),
});

const FieldErrorType = builder.objectRef<FieldError>('FieldError').implement({
  description: 'What is wrong with one field of the input.',
  fields: (t) => ({
    path: t.exposeStringList('path', { description: 'Where the field stands, from the input object down.' }),
    message: t.exposeString('message', { description: 'The rule that it breaks.' }),
  }),
});

builder.objectType(InvalidCredentialsError, {
  name: 'InvalidCredentialsError',
  description: 'Wrong password, unknown user or inactive user; which of them is not told.',
  interfaces: [ErrorInterface],
});

builder.objectType(InvalidTokenError, {
  name: 'InvalidTokenError',
  description: 'The token is wrong, expired, spent or revoked; the message says which, where its signature is good.',
  interfaces: [ErrorInterface],
});

builder.objectType(UsernameTakenError, {
  name: 'UsernameTakenError',
  description: 'Somebody has this username, or one that differs only in case or in compatible characters.',
  interfaces: [ErrorInterface],
});

builder.objectType(TokenNotFoundError, {
  name: 'TokenNotFoundError',
  description: 'None of the caller’s tokens is meant.',
  interfaces: [ErrorInterface],
});

builder.objectType(TokenNameTakenError, {
  name: 'TokenNameTakenError',
  description: 'A live token of the caller’s has this name, or it is kept for the login token.',
  interfaces: [ErrorInterface],
});

builder.objectType(ScopeNotGrantedError, {
  name: 'ScopeNotGrantedError',
  description: 'A token would have been given, or kept, what the caller’s own token may not do.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    scopes: t.stringList({
      description: 'The scopes that the caller’s token lacks.',
      resolve: (error) => [...error.scopes],
    }),
  }),
});

builder.objectType(ValidationError, {
  name: 'ValidationError',
  description: 'The input breaks rules; nothing was done.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    fields: t.field({
      type: [FieldErrorType],
      description: 'What is wrong, field by field.',
      resolve: (error) => [...error.fields],
    }),
  }),
});
