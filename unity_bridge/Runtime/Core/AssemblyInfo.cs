using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Vitrine.Core.Tests")]
