import { Prisma } from './generated/prisma/client.ts';

/** Whether a write failed because this column, alone or with others, must be unique. */
export function isUniqueViolation(error: unknown, column: string): boolean {
  return isKnown(error, 'P2002') && JSON.stringify(error.meta).includes(column);
}

/** Whether a write found no row to change or to refer to: somebody deleted it in the meantime, or it never was. */
export function isRowMissing(error: unknown): boolean {
  return isKnown(error, 'P2025') || isKnown(error, 'P2003');
}

function isKnown(error: unknown, code: string): error is Prisma.PrismaClientKnownRequestError {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === code;
}
